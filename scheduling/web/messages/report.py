"""What messages did in a span of days: delivered or not, confirmed, came. Counts, not causes; also as CSV."""

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from io import StringIO

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.web import pages, times
from scheduling.planning import windows
from scheduling.web import forms, reasons, words
from scheduling.web.messages import reach
from scheduling.web.messages.reach import Reach, Row, Span

DAYS = 28
LONGEST = 366
# Of fewer visits a share says next to nothing.
FEW = 30
REACHES = {
    "delivered": "A reminder arrived",
    "sent": "A reminder was handed over; nobody reports whether it arrived",
    "none": "No reminder reached them",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One kind by one channel. `silent` are the reasons with their numbers, the most frequent first."""

    what: str
    channel: str
    planned: int
    handed_over: int
    delivered: int
    undelivered: int
    in_doubt: int
    failed: int
    waiting: int
    silent: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ReachLine:
    what: str
    visits: int
    missed: int
    missed_share: str
    confirmed: int
    confirmed_share: str
    few: bool


@pages.staff_page("GET", "HEAD")
def report(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?from=` `?to=` `?as=csv`; without days the last four weeks, a year at most."""
    span = _span(request, actor)
    rows = reach.messages(actor=actor, span=span)
    visits = reach.visits(actor=actor, span=span)
    months = reach.parts(actor=actor, span=span)
    lines = [_line(one) for one in rows]
    reached = [_reached(visits[name], told) for name, told in REACHES.items()]
    if request.GET.get("as") == "csv":
        return _csv(span, rows, list(visits.values()), months)
    context = {
        "lines": lines,
        "reached": reached,
        "months": months,
        "first": span.first,
        "last": span.last,
        "longest": LONGEST,
        "few": FEW,
        "zone": times.zone_words(timezone.now(), span.zone),
    }
    return pages.show(request, "scheduling/messages_report.html", context, here="messages")


def _span(request: HttpRequest, actor: Actor) -> Span:
    site = next(iter(places.sites(actor=actor)), None)
    zone = site.time_zone if site else "UTC"
    today = windows.local_day(zone=zone, instant=timezone.now())
    last = forms.day(request.GET.get("to"), default=today)
    first = forms.day(request.GET.get("from"), default=last - timedelta(days=DAYS - 1))
    if not timedelta(0) <= last - first < timedelta(days=LONGEST) or request.GET.get("as") not in (
        None,
        "csv",
    ):
        raise NotFound()
    return Span(
        first=first,
        last=last,
        since=windows.day_start(zone=zone, day=first),
        before=windows.day_start(zone=zone, day=last + timedelta(days=1)),
        zone=zone,
    )


def _line(row: Row) -> Line:
    found = sorted(row.reasons.items(), key=lambda one: (-one[1], one[0]))
    silent = ((reasons.why(one[1]) or words.MESSAGES[one[0]].word, count) for one, count in found)
    return Line(
        what=words.MESSAGE_KINDS.get(row.kind) or words.sentence(row.kind),
        channel=words.CHANNELS.get(row.channel, row.channel),
        planned=row.planned,
        handed_over=row.handed_over,
        delivered=row.of("delivered"),
        undelivered=row.of("undelivered"),
        in_doubt=row.of("in_doubt"),
        failed=row.of("failed_final"),
        waiting=row.of("planned", "leased"),
        silent=tuple(silent),
    )


def _reached(one: Reach, told: str) -> ReachLine:
    return ReachLine(
        what=told,
        visits=one.visits,
        missed=one.missed,
        missed_share=_share(one.missed, one.visits),
        confirmed=one.confirmed,
        confirmed_share=_share(one.confirmed, one.visits),
        few=one.visits < FEW,
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _csv(span: Span, rows: list[Row], visits: list[Reach], months: list[reach.Month]) -> HttpResponse:
    """One table: what is counted, of what, how many. Codes as the API has them."""
    out = StringIO()
    table = csv.writer(out)
    table.writerow(["counted", "kind", "channel", "state", "reason", "count"])
    for row in rows:
        told = {(state, ""): count for state, count in row.states.items()}
        for (state, reason), count in (told | row.reasons).items():
            named = "messages by reason" if (state, reason) in row.reasons else "messages"
            table.writerow([named, row.kind, row.channel, state, reason, count])
    for one in visits:
        for named, count in (("visits", one.visits), ("no_show", one.missed), ("confirmed", one.confirmed)):
            table.writerow([named, "", "", f"reminder {one.reach}", "", count])
    for month in months:
        table.writerow(["parts of text messages", "", "sms", month.month, "", month.parts])
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="messages-{_name(span.first, span.last)}.csv"'
    return answer


def _name(first: date, last: date) -> str:
    return f"{first.isoformat()}-{last.isoformat()}"

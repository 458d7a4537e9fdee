"""Sends what no form should have to take, and says what is wrong with the answers: one function a promise."""

import re
from collections.abc import Collection, Iterator
from copy import copy
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from django.db import connection
from django.test import Client
from django.urls import resolve

from tests.api.matrix import undone
from tests.web import reading
from tests.web.reading import Control, Form

# Longer than a text may be, and than a number that Python turns into one.
LONG = "9" * 10_000
HOSTILE = "<script>alert('x')</script>\x00\u202e🙂"
NONSENSE = "nonsense\x00"
MARKUP = "<script>alert("
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Written by looking: who is signed in, and who saw whom.
BESIDE = ("django_session", "practice_patientread", "django_migrations", "django_content_type")
# To say the same a second time is written down a second time.
TWICE = ("practice_trailentry", "pghistory_context")
# Kinds of fields in which not every text means something.
STRICT = {"number", "date", "time", "datetime-local", "email"}
# Boxes of which one has to be ticked.
TICKED = {"roles", "weekdays", "address"}
# Of whom one button asks, and another does not: who is looked for, who is sent a test.
ASIDE = {"name", "to"}
CSRF = "csrfmiddlewaretoken"
Sent = dict[str, list[str]]
Prints = dict[str, tuple[int, int]]

# What people type into fields that stand empty: by name; and by kind, where something has to stand there.
NAMED = {
    "given_name": "Nova",
    "family_name": "Example",
    "birth_date": "1990-04-02",
    "phone": "2025550177",
    "value": "2025550178",
    "username": "nova",
    "reason": "Called in",
    "override_reason": "Decided by phone",
    "valid_from": "2026-06-01",
    "name": "Some words",
    "starts": "08:00",
    "ends": "12:00",
    "buffer_minutes": "5",
    "every_weeks": "1",
}
NEEDED = {
    "text": "Some words",
    "textarea": "Some words",
    "search": "Test",
    "number": "5",
    "date": "2026-06-08",
    "time": "10:00",
    "datetime-local": "2026-05-11T08:00",
    "password": "a quiet harbour at dusk",
}


@dataclass(frozen=True)
class Case:
    """A form, whoever has it before them, and one way to break it; `name` is blank for the whole of it."""

    form: Form
    how: str
    name: str
    sent: Sent

    def __str__(self) -> str:
        return f"{self.form.action}: {self.how} {self.name}"


def shape(form: Form) -> tuple[str, str, tuple[str, ...]]:
    """What makes two forms the same one: its address without the ids, and its fields."""
    found = resolve(urlsplit(form.action).path)
    told = {name: value for name, value in found.kwargs.items() if not isinstance(value, UUID)}
    told.pop("token", None)
    return found.url_name or "", str(sorted(told.items())), tuple(sorted(set(form.names)))


def address(form: Form) -> str:
    """The address that it goes to, as the table of pages has it."""
    found = resolve(urlsplit(form.action).path)
    told = found.kwargs.get("verb") or found.kwargs.get("what") or ""
    return f"{found.route} {told}".strip()


def filled(form: Form) -> Sent:
    """The form as somebody sends it who fills in what stands empty and has to be there."""
    sent = form.sends()
    for one in form.controls:
        empty = not any(sent.get(one.name, []))
        if one.is_typed and empty and (one.name in NAMED or one.required):
            sent[one.name] = [NAMED.get(one.name) or NEEDED[one.kind]]
        elif empty and (one.kind in ("radio", "select") or one.name in TICKED):
            sent[one.name] = [next((value for value in form.options(one.name) if value), "")]
    return sent


def ways(form: Form, foreign: dict[str, str]) -> Iterator[Case]:
    """Everything that is wrong with one field at a time, then with the whole."""
    good = filled(form)
    for name in one_of_each(form.names):
        control = form.of(name)
        rest = {other: values for other, values in good.items() if other != name}
        if good.get(name):
            yield Case(form, "missing", name, rest)
        for how, value in _wrong(control):
            yield Case(form, how, name, {**rest, name: [value]})
        # Where somebody is led afterwards is no id of a row.
        for value in (*good.get(name, []), *form.options(name)) if name != "back" else ():
            theirs = UUIDS.sub(lambda own: foreign.get(own[0], own[0]), value)
            if theirs != value:
                yield Case(form, "foreign", name, {**rest, name: [theirs]})
                break
        if name == "version" and good[name][0] not in ("", "0") and good[name][0].isdigit():
            yield Case(form, "stale", name, {**rest, name: [str(int(good[name][0]) - 1)]})
    yield Case(form, "huge", "", {**good, "more": ["x" * 2_000_000]})


def one_of_each(names: list[str]) -> list[str]:
    """A field for each weekday, or for each phase, is one field."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(re.sub(r"[.-]\d+.*", "", name), name)
    return [name for name in found.values() if name != CSRF]


def _wrong(control: Control) -> Iterator[tuple[str, str]]:
    yield "wrong", "-1" if control.kind == "number" else NONSENSE
    if control.is_typed or control.is_chosen or control.name == "version":
        yield "long", LONG
    if control.is_typed:
        yield "hostile", HOSTILE


# --- the state of everything ------------------------------------------------------------------------------
def tables() -> list[str]:
    with connection.cursor() as cursor:
        found = connection.introspection.table_names(cursor)
    return [name for name in found if name not in BESIDE]


def prints(of: list[str]) -> Prints:
    """How many rows each of these tables has, and a sum of what is in them, in one statement."""
    parts = [
        f"SELECT '{table}', count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {table} t"
        for table in of
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts) or "SELECT 1 WHERE false")
        return {table: (count, told) for table, count, told in cursor.fetchall()}


def touched() -> dict[str, int]:
    """How many rows of each table this transaction has written, those that were taken back as well."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables "
            "WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
        )
        return dict(cursor.fetchall())


# --- one answer ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    status: int
    page: str
    refused: bool


@dataclass
class Breaker:
    """Somebody at a browser who sends whatever they like. `theirs` are words of another practice that no
    answer may hold; `before` is how everything stands.
    """

    client: Client
    theirs: tuple[str, ...]
    foreign: dict[str, str]
    before: Prints

    def send(self, form: Form, sent: Sent) -> Answer:
        """Send it as a browser does, and go where it leads; a warning there is a refusal as well."""
        kept = copy(self.client.cookies)
        try:
            answer = self.client.post(form.action, sent)
            # What is checked at a commit only would be an error behind the answer.
            connection.check_constraints()
            page, status = answer.content.decode(), answer.status_code
            if status in (302, 303):
                page = self.client.get(answer["Location"].partition("#")[0]).content.decode()
                # What is told of the form itself; a page may warn of something else.
                told = re.search(r'<div class="notices".*?</div>', page, re.DOTALL)
                warned = re.search(r'class="notice[^"]*tone-(bad|warn)', told[0] if told else page)
                return Answer(status, page, bool(warned))
            return Answer(status, page, status >= 400)
        finally:
            self.client.cookies = kept

    def wrote(self, was: dict[str, int]) -> list[str]:
        now = touched()
        some = [name for name in now if now[name] != was.get(name) and name in self.before]
        after = prints(some)
        return [name for name in some if after[name] != self.before[name]]

    def faults(self, case: Case) -> list[str]:
        """What the answer to this case does that it must not."""
        with undone():
            was = touched()
            answer = self.send(case.form, case.sent)
            wrote = self.wrote(was)
        found = []
        if answer.status >= 500:
            found.append("is our fault")
        if answer.refused and wrote:
            found.append(f"is refused and writes {wrote}")
        if MARKUP in answer.page:
            found.append("shows what was typed as markup")
        found += [f"shows {one}" for one in self.theirs if one in answer.page]
        found += _of_its_kind(case, answer, wrote)
        return [f"{case}: {answer.status}: {one}" for one in found]

    def repeated(self, form: Form) -> tuple[str, list[str]]:
        """What sending a good form, with fields that nobody asked for, does wrong: that it is not taken, and
        what it does more a second time.
        """
        sent = {**filled(form), "unexpected": ["x"], "is_superuser": ["1"]}
        with undone():
            was = touched()
            first = self.send(form, sent)
            if first.refused:
                told = re.sub(r"<[^>]+>|\s+", " ", first.page.partition('role="alert"')[2])[:200]
                return f"{form.action}: as it stands: {first.status}: is refused: {told}", []
            once = prints(names := self.wrote(was))
            self.send(form, sent)
            twice = prints(names)
        more = [name for name in names if twice[name][0] != once[name][0] and name not in TWICE]
        return "", [f"{form.action}: sent twice: writes more {more}"] if more else []


def _of_its_kind(case: Case, answer: Answer, wrote: list[str]) -> Iterator[str]:
    control = case.form.of(case.name) if case.name else None
    may_not = case.how in ("huge", "stale", "foreign")
    if control and control.is_typed:
        may_not |= (
            case.how == "long" and control.name not in ASIDE or case.how == "wrong" and control.kind in STRICT
        )
        if answer.status in (400, 403, 404):
            yield "what was typed is gone, for a whole page of refusal"
    if may_not and wrote:
        yield f"is accepted, and writes {wrote}"
    if answer.status == 200 or answer.refused and answer.status not in (400, 403, 404, 413):
        # Whoever looks for somebody else is given others to choose from.
        yield from lost(case, answer.page, ("patient",) if "find" in case.sent else ())


def lost(case: Case, page: str, but: Collection[str] = ()) -> Iterator[str]:
    """What people had typed or chosen and do not find again."""
    path = urlsplit(case.form.action).path
    mine = [one for one in case.form.controls if (one.is_typed or one.is_chosen) and one.kind != "password"]
    names = [name for name in dict.fromkeys(one.name for one in mine) if name and name not in but]
    again = [one for one in reading.forms(page, at=path) if urlsplit(one.action).path == path]
    same = max(again, key=lambda one: len({*names} & {*one.names}), default=None)
    for name in names:
        sent, shown = case.sent.get(name, [""]), same.sends().get(name, [""]) if same else [""]
        if name == case.name:
            # A browser shows no date that is none; a text that is too long may be cut, not thrown away.
            text = case.form.of(name).is_typed and case.form.of(name).kind not in STRICT | {"password"}
            sent, shown = [_plain(sent[0])], [_plain(shown[0])]
            if not text:
                continue
        if shown != sent and any(sent):
            yield f"{name} was {sent} and is {shown}"


def _plain(text: str) -> str:
    return text.replace("\x00", "").strip()[:100]

"""A visit of the tracking board as HTML, for the same reason as the blocks of the day grid: hundreds are
drawn at once. Everything that comes from data is escaped by `blocks.fill`."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.utils.safestring import SafeString

from scheduling.web.day import blocks
from scheduling.web.shown import Action, VisitLine
from scheduling.web.words import Badge

SETTLED = ("covered", "closed")


@dataclass(frozen=True, slots=True)
class Clock:
    """The observation of a running dose (S-09): minutes of so many, and when it has run."""

    run: int
    of: int
    told: str
    over: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One visit. `told` is how long it has been so, or how late the patient is; `late` when that is long."""

    line: VisitLine
    told: str
    late: bool
    clock: Clock | None


class Drawer:
    """Draws the cards of one board; `back` is where their links lead back to."""

    def __init__(self, *, back: str) -> None:
        self.back = blocks.back(back)
        self.visit = blocks.addresses("visit", "visit_id")
        self.follow_up = blocks.addresses("follow-up", "gap_id")
        self.steps: dict[str, Callable[[UUID], str]] = {}

    def draw(self, card: Card) -> SafeString:
        line = card.line
        name = line.visit.patient.name
        return blocks.fill(
            '<li class="edge person-card tone-{}" id="visit-{}">\n<h3><a href="{}">{}</a></h3>\n'
            '<p class="for{}">{}</p>\n<p class="what">{} · {}<br>'
            '<span class="quiet-text">{} · {}</span></p>\n'
            '<p class="badges">{}</p>{}{}\n</li>\n',
            line.status.tone,
            str(line.visit.id),
            self._address(line),
            name,
            " is-late" if card.late else "",
            card.told,
            line.start.clock,
            line.title,
            line.people,
            line.place,
            self._badges(line),
            _watch(card.clock, name) if card.clock else blocks.NOTHING,
            self._step(card, line.next) if line.next else blocks.NOTHING,
        )

    def _address(self, line: VisitLine) -> str:
        return self.visit(line.visit.id) + self.back

    def _badges(self, line: VisitLine) -> SafeString:
        found = [_badge(line.status)]
        found += [
            _badge(Badge(f"No {check.word.lower()}", "alert", "bad")) for check in line.checks if not check.ok
        ]
        if line.gap and line.follow_up and line.gap.status not in SETTLED:
            address = self.follow_up(line.gap.id) + self.back
            found.append(
                blocks.fill('<a class="plain-link" href="{}">{}</a>', address, _badge(line.follow_up))
            )
        return SafeString("".join(found))

    def _step(self, card: Card, action: Action) -> SafeString:
        name = card.line.visit.patient.name
        if action.asks_first:
            return blocks.fill(
                '<p class="do"><a class="button small quiet" href="{}#do-{}">{}…'
                '<span class="vh"> {}</span></a></p>',
                self._address(card.line),
                action.verb,
                action.label,
                name,
            )
        if action.verb not in self.steps:
            self.steps[action.verb] = blocks.addresses("visit-move", "visit_id", verb=action.verb)
        return blocks.fill(
            '<p class="do"><button class="button small" form="act" formaction="{}" name="version" value="{}">'
            '{}<span class="vh"> {}</span></button></p>',
            self.steps[action.verb](card.line.visit.id),
            str(card.line.visit.version),
            action.label,
            name,
        )


def _badge(badge: Badge) -> SafeString:
    return blocks.fill(
        '<span class="badge tone-{}"{}>{}{}</span>',
        badge.tone,
        blocks.fill(' title="{}"', badge.hint) if badge.hint else blocks.NOTHING,
        blocks.icon(badge.icon),
        badge.word,
    )


def _watch(clock: Clock, name: str) -> SafeString:
    return blocks.fill(
        '<p class="watch{}"><progress max="{}" value="{}" aria-label="Observation of {}"></progress>'
        "<span>{}</span></p>",
        " is-over" if clock.over else "",
        str(clock.of),
        str(clock.run),
        name,
        clock.told,
    )

"""A visit of the day grid as HTML. Not a template: five hundred are drawn at once, and a template takes ten
times as long for each. Everything that comes from data is escaped by `fill`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from urllib.parse import quote
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString

NOTHING = SafeString("")
_ANY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Do:
    """The next ordinary step: a button (`post`), or a link where something is asked first. `quiet`: its time
    has not come."""

    label: str
    address: str
    post: bool
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that needs somebody; with an `address` it is a link to it."""

    word: str
    icon: str
    tone: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A visit in the grid, in plain texts. `anchor` bears the visit's id: a visit of two people stands in two
    columns."""

    id: UUID
    version: int
    anchor: bool
    look: str
    address: str
    name: str
    start: str
    clock: str
    end: str
    what: str
    beside: str
    icon: str
    state: str
    leaves: str
    flags: tuple[Flag, ...]
    do: Do | None
    move: str

    @property
    def html(self) -> SafeString:
        return fill(
            '<li class="block {}"{} data-visit="{}"{}>\n<a class="name" href="{}">{}</a>\n'
            '<p class="when"><time datetime="{}">{}</time><span class="until">–{}</span> <b>{}</b></p>\n'
            '<p class="state"><span class="is">{}{}</span>{}{}</p>{}{}</li>\n',
            self.look,
            fill(' id="visit-{}"', str(self.id)) if self.anchor else NOTHING,
            str(self.id),
            fill(' data-move="{}"', self.move) if self.move else NOTHING,
            self.address,
            self.name,
            self.start,
            self.clock,
            self.end,
            self.what,
            icon(self.icon),
            self.state,
            fill(" <span>{}</span>", self.leaves) if self.leaves else NOTHING,
            SafeString("".join(self._flag(one) for one in self.flags)),
            fill('<p class="beside">{}</p>', self.beside) if self.beside else NOTHING,
            self._steps(),
        )

    def _flag(self, flag: Flag) -> SafeString:
        if not flag.address:
            return fill(' <span class="flag tone-{}">{}{}</span>', flag.tone, icon(flag.icon), flag.word)
        return fill(
            ' <a class="flag tone-{}" href="{}">{}{}<span class="vh">: {}</span></a>',
            flag.tone,
            flag.address,
            icon(flag.icon),
            flag.word,
            self.name,
        )

    def _steps(self) -> SafeString:
        if self.do is None and not self.move:
            return NOTHING
        return fill('<p class="do">{}{}</p>', self._step(), self._move())

    def _step(self) -> SafeString:
        if self.do is None:
            return NOTHING
        if self.do.post:
            return fill(
                '<button class="act" form="act" formaction="{}" name="version" value="{}">{}'
                '<span class="vh"> {}</span></button>',
                self.do.address,
                str(self.version),
                self.do.label,
                self.name,
            )
        return fill(
            '<a class="act{}" href="{}">{}<span class="vh"> {}</span></a>',
            " early" if self.do.quiet else "",
            self.do.address,
            self.do.label,
            self.name,
        )

    def _move(self) -> SafeString:
        if not self.move:
            return NOTHING
        return fill(
            '<a class="act quiet" href="{}" data-moves>Move<span class="vh"> {}</span></a>',
            self.move,
            self.name,
        )


def fill(shape: str, *values: str) -> SafeString:
    """The shape with each of its places filled, escaped unless it is HTML already. As `format_html` does, at
    a fifth of its cost: it takes texts alone."""
    return SafeString(shape.format(*(one if type(one) is SafeString else escape(one) for one in values)))


def back(address: str) -> str:
    """What the address of a page ends with that leads back to this one."""
    return f"?back={quote(address)}"


@lru_cache(maxsize=64)
def icon(name: str) -> SafeString:
    return fill('<svg class="icon" aria-hidden="true"><use href="#i-{}"></use></svg>', name)


def addresses(route: str, argument: str, **others: str) -> Callable[[UUID], str]:
    """The addresses of one route, looked up once and filled in for each id."""
    before, _, after = reverse(route, kwargs={argument: _ANY, **others}).partition(str(_ANY))
    return lambda id: f"{before}{id}{after}"

"""The language of a message's text: words, {placeholders}, and [one wording|or another]. Pure.

A placeholder is replaced by its value once; a value is never read as language. Of the wordings in square
brackets the first one stands in which every placeholder is known, and nothing where there is none. There is
nothing else: no condition, no call, no attribute.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

_PIECE = re.compile(r"\{([^{}\[\]|]*)\}|([{}\[\]|])|([^{}\[\]|]+)")
_SHOWN = 30


class Unreadable(ValueError):
    """The text is not in this language; the message says where, to whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Token:
    """Literal words, or the name of a placeholder."""

    text: str
    is_name: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Words that always stand, or (`chosen`) the wordings of a pair of brackets."""

    wordings: tuple[tuple[Token, ...], ...]
    chosen: bool = False

    def taken(self, values: Mapping[str, str | None]) -> tuple[Token, ...]:
        for tokens in self.wordings:
            if not self.chosen or all(values[one.text] is not None for one in tokens if one.is_name):
                return tokens
        return ()


@dataclass(frozen=True, slots=True)
class Template:
    """A text that was read."""

    parts: tuple[Part, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Its placeholders, each once, in their order."""
        return tuple(dict.fromkeys(one.text for one in self._tokens() if one.is_name))

    @property
    def literal(self) -> str:
        """Its own words, those of every wording."""
        return " ".join(one.text for one in self._tokens() if not one.is_name)

    def fill(self, values: Mapping[str, str | None]) -> str:
        """The text. None is not known, blank says nothing; a name without any value raises KeyError."""
        taken = (one for part in self.parts for one in part.taken(values))
        return "".join((values[one.text] or "") if one.is_name else one.text for one in taken)

    def used(self, values: Mapping[str, str | None]) -> frozenset[str]:
        """The placeholders that are known and stand in the text."""
        taken = (one for part in self.parts for one in part.taken(values))
        return frozenset(one.text for one in taken if one.is_name and values[one.text] is not None)

    def _tokens(self) -> Iterator[Token]:
        return (one for part in self.parts for tokens in part.wordings for one in tokens)


@lru_cache(maxsize=512)
def parse(text: str) -> Template:
    """Read a text. Raises Unreadable."""
    parts: list[Part] = []
    inside: list[list[Token]] | None = None
    for match in _PIECE.finditer(text):
        name, mark, words = match.groups()
        if mark == "[":
            if inside is not None:
                raise _unreadable("a [ stands within another one", text, match.start())
            inside = [[]]
        elif mark == "]":
            if inside is None:
                raise _unreadable("a ] has no [ before it", text, match.start())
            parts.append(Part(tuple(tuple(one) for one in inside), chosen=True))
            inside = None
        elif mark == "|" and inside is not None:
            inside.append([])
        elif mark in ("{", "}"):
            raise _unreadable(f"a {mark} belongs to no placeholder", text, match.start())
        else:
            token = Token(words or mark) if name is None else Token(name.strip(), is_name=True)
            if inside is None:
                parts.append(Part(((token,),)))
            else:
                inside[-1].append(token)
    if inside is not None:
        raise Unreadable("A [ has no ] after it.")
    return Template(tuple(parts))


def _unreadable(what: str, text: str, at: int) -> Unreadable:
    near = " ".join(text[at : at + _SHOWN].split())
    return Unreadable(f"At “{near}” {what}.")

"""The forms of a page, as a browser reads them: what each sends by itself, and what people may put in."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

CHOSEN = {"radio", "checkbox"}
# What people type, as against what they choose or what the page carries along.
TYPED = {"text", "search", "email", "tel", "url", "password", "number", "date", "time", "datetime-local"}
TYPED |= {"textarea", "month", "week"}


@dataclass
class Control:
    """One control. `value` is what it sends by itself, None for a box that is not ticked."""

    name: str
    kind: str
    value: str | None
    options: list[str] = field(default_factory=list)
    required: bool = False

    @property
    def is_typed(self) -> bool:
        return self.kind in TYPED

    @property
    def is_chosen(self) -> bool:
        return self.kind in CHOSEN or self.kind == "select"


@dataclass
class Form:
    """One form with one of its buttons; a form with three buttons is three of these."""

    action: str
    method: str
    controls: list[Control]

    def sends(self) -> dict[str, list[str]]:
        """What it sends as it stands."""
        found: dict[str, list[str]] = {}
        for one in self.controls:
            if one.name and one.value is not None:
                found.setdefault(one.name, []).append(one.value)
        return found

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(one.name for one in self.controls if one.name))

    def options(self, name: str) -> list[str]:
        """What may be chosen there."""
        return [value for one in self.controls if one.name == name for value in one.options]

    def of(self, name: str) -> Control:
        return next(one for one in self.controls if one.name == name)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.loose: list[tuple[str, Control, dict[str, str]]] = []
        self.buttons: list[tuple[Any, Control, dict[str, str]]] = []
        self.open: dict[str, Any] | None = None
        self.select: Control | None = None
        self.area: Control | None = None

    def handle_starttag(self, tag: str, found: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in found}
        if tag == "form":
            self.open = {"given": given, "controls": []}
            self.forms.append(self.open)
        elif tag == "select":
            self.select = Control(given.get("name", ""), "select", None, required="required" in given)
            self._keep(self.select, given)
        elif tag == "option" and self.select is not None:
            value = given.get("value", "")
            self.select.options.append(value)
            if "selected" in given or self.select.value is None:
                self.select.value = value
        elif tag == "textarea":
            self.area = Control(given.get("name", ""), "textarea", "", required="required" in given)
            self._keep(self.area, given)
        elif tag == "input":
            self._input(given)
        elif tag == "button" and given.get("type", "submit") == "submit":
            owner: Any = given.get("form") or self.open
            self.buttons.append(
                (owner, Control(given.get("name", ""), "button", given.get("value", "")), given)
            )

    def _input(self, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        value: str | None = given.get("value", "on" if kind in CHOSEN else "")
        options = [str(value)] if kind in CHOSEN else []
        if kind in CHOSEN and "checked" not in given:
            value = None
        self._keep(Control(given.get("name", ""), kind, value, options, "required" in given), given)

    def _keep(self, control: Control, given: dict[str, str]) -> None:
        if "form" in given:
            self.loose.append((given["form"], control, given))
        elif self.open is not None:
            self.open["controls"].append(control)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "select":
            self.select = None
        elif tag == "textarea":
            self.area = None

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            # A browser leaves the first line break out.
            self.area.value = (self.area.value or "") + data.removeprefix("\n")


def forms(page: str, *, at: str) -> Iterator[Form]:
    """Every way to send something from the page that stands `at` this address."""
    reader = _Reader()
    reader.feed(page)
    by_id = {one["given"].get("id"): one for one in reader.forms}
    for owner, control, _ in reader.loose:
        by_id[owner]["controls"].append(control)
    for one in reader.forms:
        given = one["given"]
        plain = Form(given.get("action") or at, given.get("method", "get").lower(), one["controls"])
        ways = [
            button for button in reader.buttons if button[0] is one or button[0] == given.get("id", object())
        ]
        # Without a button it is sent by Enter, in a field.
        if not ways and any(one.is_typed for one in plain.controls):
            yield plain
        for _, button, told in ways:
            extra = [button] if button.name else []
            yield replace(
                plain, action=told.get("formaction") or plain.action, controls=[*plain.controls, *extra]
            )

"""What holds for every screen in every state: axe finds nothing, light and dark; one column on a telephone;
nothing too small to hit.
"""

from collections.abc import Iterator

import pytest

from tests.browser import every
from tests.browser.conftest import Screen, Screens
from tests.browser.every import ONE_STATE, WALKS, Walk
from tests.web.conftest import World

DESK, PHONE = {"width": 1366, "height": 768}, {"width": 360, "height": 740}
# WCAG 2.5.8: 24 by 24 CSS pixels, links within a sentence aside.
# A small box is hit by its label.
SMALL = """() => [...document.querySelectorAll(
        'button, summary, select, input:not([type=hidden]), nav a, .button, .act, .name, .opening, .choice')]
    .filter(one => one.checkVisibility() && [one, ...(one.labels ?? [])]
        .every(node => node.getBoundingClientRect().height < 23.5))
    .map(one => one.outerHTML.slice(0, 120))"""


def look(screen: Screen) -> Iterator[str]:
    """What is wrong with the screen as it stands, at the desk and on a telephone."""
    page = screen.page
    page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
    yield from screen.violations()
    yield from (f"too small: {one}" for one in page.evaluate(SMALL))
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > PHONE["width"]:
        yield f"{width} pixels wide on a telephone"
    page.set_viewport_size(DESK)  # type: ignore[arg-type]


def looked_at(screens: Screens, world: World, walk: Walk) -> tuple[set[str], dict[str, list[str]]]:
    screen = screens.open(viewport=DESK)
    seen, wrong = set(), {}
    for state in walk(screen, world):
        seen.add(state)
        if found := list(look(screen)):
            wrong[state] = found
    # What is refused or gone is an error to the browser's console, and meant to be one.
    screen.complaints[:] = [one for one in screen.complaints if "status of 4" not in one]
    return seen, wrong


def test_every_address_of_the_table(world: World, screens: Screens) -> None:
    seen, wrong = looked_at(screens, world, every.every_address)
    assert wrong == {}
    # A new address is looked at by now; here somebody has thought of the other states that it has.
    thought_of = {state.partition(":")[0] for states in WALKS.values() for state in states} | ONE_STATE
    assert {one.partition(":")[0] for one in seen} <= thought_of


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__)
def test_every_state(world: World, screens: Screens, walk: Walk) -> None:
    seen, wrong = looked_at(screens, world, walk)
    assert wrong == {}
    assert seen == WALKS[walk]

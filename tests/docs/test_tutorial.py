"""The tutorial is a page whose commands can be run. That they answer what it shows is a part of the life of
the demo, in `tests/local/test_demo.py`: one demo is enough for both.
"""

from tests.docs import fenced, tutorial


def test_the_first_terminal_starts_the_demo() -> None:
    first = [block for block in fenced.blocks(tutorial.PAGE) if block.note == "terminal=1"]
    assert [block.text.split()[-2:] for block in first] == [["./dev", "demo"]]


def test_the_second_terminal_has_commands_that_show_something() -> None:
    steps = tutorial.steps()
    assert len(steps) > 5
    assert sum(bool(step.shown) for step in steps) > 5

"""The house figures hold on the tree as it is."""

from tests.house import figures


def test_no_file_is_longer_than_400_lines():
    assert figures.long_files(figures.ROOT) == []


def test_no_function_is_longer_than_60_lines():
    assert figures.long_functions(figures.ROOT) == []


def test_nine_functions_of_ten_have_at_most_30_lines():
    lengths = sorted(
        lines for path in figures.sources(figures.ROOT) for _, lines, _ in figures.functions(path)
    )
    assert lengths[len(lengths) * 9 // 10] <= 30


def test_99_functions_of_100_are_annotated():
    known = [annotated for path in figures.sources(figures.ROOT) for *_, annotated in figures.functions(path)]
    assert sum(known) / len(known) >= 0.99


def test_no_file_is_a_catch_all():
    assert figures.catch_alls(figures.ROOT) == []


def test_nobody_leaves_notes_to_oneself():
    assert figures.notes_to_self(figures.ROOT) == []


def test_there_are_no_signals_of_our_own():
    assert figures.signals(figures.ROOT) == []


def test_no_task_waits_in_the_broker():
    assert figures.delays(figures.ROOT) == []


def test_every_save_names_its_fields():
    assert figures.bare_saves(figures.ROOT) == []


def test_at_most_20_direct_dependencies_each_with_a_why():
    count, without = figures.dependencies_without_why(figures.ROOT)
    assert count <= figures.MOST_DEPENDENCIES
    assert without == []

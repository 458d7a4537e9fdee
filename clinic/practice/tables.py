"""Tables as CSV: read with suspicion, written so that a spreadsheet runs nothing of them. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from clinic.practice.errors import Invalid

# A file is held in memory whole: this many bytes, and this many rows under its header.
MOST_BYTES = 4_000_000
MOST_ROWS = 5_000
_DELIMITERS = ",;\t"
# What makes a cell a formula in a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `line` is where it begins in the file (1 is the header), `cells` has every known column
    that the file has, trimmed; `problem` says why it cannot be read as one.
    """

    line: int
    cells: dict[str, str] = field(default_factory=dict)
    problem: str = ""

    def get(self, column: str) -> str:
        """The cell, empty where the file has no such column."""
        return self.cells.get(column, "")


def decode(raw: bytes) -> str:
    """The text of a file in UTF-8, with or without a byte order mark. Raises Invalid on `file`."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _wrong("This is UTF-16: save the file as CSV in UTF-8.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _wrong(f"Line {line} is not UTF-8: save the file as CSV in UTF-8.") from None


def read(*, text: str, columns: Sequence[str], needed: Sequence[str], most: int = MOST_ROWS) -> list[Row]:
    """The rows of a CSV text (RFC 4180; comma, semicolon or tab; any line ends, mixed too; blank lines are
    passed over).

    Raises Invalid on `file` for what makes the whole of it unreadable: no header, an unknown, missing or
    repeated column, a NUL, an open quote, more than `most` rows.
    """
    if "\x00" in text:
        raise _wrong(f"Line {text.count(chr(10), 0, text.index(chr(0))) + 1} holds a NUL character.")
    records = _records(text)
    try:
        first = next(records, None)
        if first is None:
            raise _wrong("The file is empty: it needs a header.")
        names = _header(first[1], columns, needed)
        found: list[Row] = []
        for line, cells in records:
            if len(found) == most:
                raise _wrong(f"More than {most} rows: split the file.")
            found.append(_row(line, names, cells))
    except csv.Error as error:
        raise _wrong(f"Not CSV: {error}.") from None
    return found


def write(*, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV text. A cell that a spreadsheet would run gets an apostrophe in front of it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([_harmless(str(cell)) for cell in row] for row in rows)
    return out.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record that is not blank, with the line on which it begins."""
    head = text.lstrip("\r\n").splitlines()[:1]
    delimiter = max(_DELIMITERS, key=lambda one: head[0].count(one)) if head else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begins, cells
        begins = reader.line_num + 1


def _header(cells: Sequence[str], columns: Sequence[str], needed: Sequence[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    if unknown := sorted({name[:60] for name in names} - set(columns)):
        raise _wrong(f"Unknown columns: {', '.join(unknown)}. Known are: {', '.join(columns)}.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _wrong(f"Columns that are there twice: {', '.join(twice)}.")
    if missing := [name for name in needed if name not in names]:
        raise _wrong(f"Columns that are missing: {', '.join(missing)}.")
    return names


def _row(line: int, names: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(names):
        return Row(line, {}, f"This row has {len(cells)} cells, the header {len(names)}.")
    return Row(line, {name: cell.strip() for name, cell in zip(names, cells, strict=True)})


def _wrong(message: str) -> Invalid:
    return Invalid({"file": [message]})

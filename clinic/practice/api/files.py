"""Files that are read in: the body as CSV itself or as a form's `file`, and the report on its rows."""

from io import BytesIO
from typing import Any, ClassVar

from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser

from clinic.practice import tables
from clinic.practice.api.fields import Choice, Flag, Id, Text, Whole
from clinic.practice.api.shapes import Body, FlagParameter, Query, Shape
from clinic.practice.errors import TooLarge
from clinic.practice.importing import Mode, Outcome, Report

_FORM_OVERHEAD = 10_000


def _whole(stream: Any, most: int) -> bytes:
    """The stream's bytes; raises TooLarge before more than they are held."""
    raw: bytes = stream.read(most + 1)
    if len(raw) > most:
        raise TooLarge(f"The file is larger than {tables.MOST_BYTES // 1_000_000} MB: split it.")
    return raw


class CsvParser(BaseParser):
    media_type = "text/csv"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return {"file": tables.decode(_whole(stream, tables.MOST_BYTES))}


class FormParser(BaseParser):
    """A form with one file, kept in memory: what is in it is never written to a temporary folder."""

    media_type = "multipart/form-data"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = _whole(stream, tables.MOST_BYTES + _FORM_OVERHEAD)
        meta = {"CONTENT_TYPE": media_type, "CONTENT_LENGTH": str(len(raw))}
        try:
            data, files = MultiPartParser(meta, BytesIO(raw), [_InMemory()]).parse()
        except (MultiPartParserError, SuspiciousOperation):
            raise ValidationError({"file": ["Not a form with one file."]}) from None
        sent = files.getlist("file")
        if len(sent) != 1 or set(files) != {"file"} or data:
            raise ValidationError({"file": ["A form with one field, a file of the name `file`."]})
        return {"file": tables.decode(sent[0].read())}


class _InMemory(MemoryFileUploadHandler):
    """Django's, whatever the size: that was looked at already."""

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True


class FileAsk(Body):
    media: ClassVar[dict[str, Any]] = {
        "text/csv": {"type": "string"},
        "multipart/form-data": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
            "additionalProperties": False,
        },
    }
    file = Text(trim_whitespace=False)


class ImportQuery(Query):
    mode = Choice(choices=[(one.value, one.name) for one in Mode], default=Mode.DRY_RUN.value)
    all_or_nothing = FlagParameter(required=False, help_text="One refused row takes everything back.")


class FaultShape(Shape):
    column = Text(help_text="Empty: the row as a whole.")
    code = Text()
    message = Text()


class ResultShape(Shape):
    line = Whole(help_text="Where the row begins in the file; the header is line 1.")
    external_system = Text(source="system")
    external_value = Text(source="value")
    outcome = Choice(choices=[(one.value, one.name) for one in Outcome])
    id = Id(source="object_id", allow_null=True, help_text="Null: refused, or not there after a dry run.")
    errors = FaultShape(many=True)  # type: ignore[assignment]


class CountsShape(Shape):
    created = Whole()
    updated = Whole()
    unchanged = Whole()
    refused = Whole()


class ReportShape(Shape):
    kind = Text()
    mode = Choice(choices=[(one.value, one.name) for one in Mode])
    applied = Flag(
        help_text="Not after a dry run; not where all or nothing was asked for and one was refused."
    )
    counts = CountsShape()
    results = ResultShape(many=True)


def told(report: Report) -> dict[str, Any]:
    """A report as the answer shows it."""
    counts = {one.value: report.count(one) for one in Outcome}
    return dict(
        ReportShape(
            {
                "kind": report.kind,
                "mode": report.mode,
                "applied": report.applied,
                "counts": counts,
                "results": report.results,
            }
        ).data
    )

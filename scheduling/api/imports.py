"""Files that are read in here: coming appointments."""

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice.api.files import CsvParser, FileAsk, FormParser, ImportQuery, ReportShape, told
from clinic.practice.api.views import ApiView, operation
from scheduling.booking.intake import importing


class AppointmentImportView(ApiView):
    parser_classes = [CsvParser, FormParser]

    @operation(
        "imports_appointments",
        "Book coming appointments from a CSV file, or try it; a report on every row",
        capability="appointments.book",
        body=FileAsk,
        query=ImportQuery,
        answer=ReportShape,
        key="optional",
        problems=[413, 415],
    )
    def post(self, request: Request) -> Response:
        report = importing.run(
            actor=self.actor, now=self.now, key=self.key, file=self.body["file"], **self.query
        )
        return Response(told(report))

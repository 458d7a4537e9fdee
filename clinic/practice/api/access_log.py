"""Who read whose record. Only whoever answers for the practice may look."""

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import paging, reads
from clinic.practice.api import forms
from clinic.practice.api.views import ApiView, operation


class AccessLogView(ApiView):
    shape = forms.ReadShape

    @operation(
        "access_log_list",
        "Reads of patient records, oldest first",
        capability="access_log.read",
        query=forms.ReadList,
        answer=forms.ReadShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        found = reads.reads(
            actor=self.actor,
            patient_id=self.query.get("patient"),
            by=self.query.get("actor"),
            since=self.query.get("read_from"),
            before=self.query.get("read_before"),
        )
        return self.page(paging.page(rows=found, part=self.part(order="at")))

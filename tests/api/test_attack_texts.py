"""Texts that mean something elsewhere: a new line in a mail's header, a name that reads backwards, digits of
other scripts.
"""

from typing import Any

import pytest

from tests import factories
from tests.api.conftest import Api
from tests.api.test_bad_input import patient_body, refused

pytestmark = pytest.mark.django_db

HOSTILE = ["Clinic\r\nBcc: x@example.com", "Clinic\nEND:VEVENT", "A\tB", "A\x85B", "A\u2028B", "A\u202egnp"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_name_is_one_line(api: Api, clinic: factories.Clinic, hostile: str) -> None:
    """With a line break in the name that messages carry, no e-mail of the practice could be written."""
    asked: list[tuple[str, str, dict[str, Any], str]] = [
        ("PATCH", f"practices/{clinic.practice.pk}/", {"message_name": hostile}, "message_name"),
        ("PATCH", f"rooms/{clinic.chairs[0].pk}/", {"name": hostile}, "name"),
        ("PATCH", f"practitioners/{clinic.monitor.pk}/", {"family_name": hostile}, "family_name"),
        ("POST", "patients/", patient_body(clinic, given_name=hostile), "given_name"),
    ]
    for method, address, body, field in asked:
        headers = {"if_match": "*"} if method == "PATCH" else {}
        refused(api.send(method, address, body, **headers), field)


def test_an_address_may_have_lines(api: Api, clinic: factories.Clinic) -> None:
    told = "1 Example Street\nFloor 2"
    answer = api.patch(f"sites/{clinic.site.pk}/", {"address": told}, if_match="*")
    assert answer.status_code == 200, answer.content
    assert answer.json()["address"] == told


@pytest.mark.parametrize("number", ["%D9%A1", "%205", "1_0", "+5", "5.0", "0x5", "", "%C2%B2"])
def test_a_number_in_an_address_is_written_in_plain_digits(api: Api, number: str) -> None:
    refused(api.get(f"rooms/?limit={number}"), "limit")

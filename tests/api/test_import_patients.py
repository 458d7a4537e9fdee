"""Patients from a file: tried first, applied, applied again; and files that mean no good."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinic.practice import tables
from clinic.practice.models import ImportRun
from patients.models import MessagingConsent, Patient
from tests import factories
from tests.api import database
from tests.api.conftest import Api, program
from tests.api.csv_files import faults, outcomes, send, text
from tests.api.test_bad_input import refused

pytestmark = pytest.mark.django_db
HEADER = ("external_system", "external_value", "given_name", "family_name", "birth_date", "phone", "email")
ANN = ("ehr", "1", "Ann", "Example", "1980-02-29", "+12025550143", "ann@example.com")
BOB = ("ehr", "2", "Bob", "Example", "1990-01-01", "", "")


def people(clinic: factories.Clinic) -> int:
    return Patient.objects.filter(practice=clinic.practice).count()


def test_a_dry_run_writes_nothing_and_says_what_an_apply_then_does(
    api: Api, clinic: factories.Clinic
) -> None:
    file = text(HEADER, ANN, BOB, ("ehr", "3", "", "Example", "1990-13-01", "12", ""))
    before = database.counts()
    tried = send(api, "patients", file, mode="dry_run")
    assert database.counts() == before
    assert outcomes(tried) == ["created", "created", "refused"]
    assert not tried.json()["applied"]
    done = send(api, "patients", file)
    assert outcomes(done) == outcomes(tried)
    assert faults(done) == faults(tried) == [(4, "birth_date"), (4, "phone")]
    assert done.json()["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "refused": 1}
    ann = api.get(f"patients/{done.json()['results'][0]['id']}/").json()
    assert (ann["family_name"], ann["phone"], ann["site"]) == ("Example", ANN[5], str(clinic.site.pk))
    assert ann["external_ids"] == [{"system": "ehr", "value": "1"}]


def test_the_same_file_again_changes_nothing(api: Api, clinic: factories.Clinic) -> None:
    file = text(HEADER, ANN, BOB)
    send(api, "patients", file)
    before = database.counts()
    again = send(api, "patients", file)
    assert outcomes(again) == ["unchanged", "unchanged"]
    changed = {name for name, count in database.counts().items() if count != before[name]}
    assert changed <= {"practice_importrun", "practice_trailentry", "pghistory_context"}


def test_a_changed_row_changes_what_it_says_and_an_empty_cell_says_nothing(
    api: Api, clinic: factories.Clinic
) -> None:
    first = send(api, "patients", text(HEADER, ANN)).json()["results"][0]["id"]
    married = ("ehr", "1", "Ann", "Sample", "1980-02-29", "", "ann.sample@example.com")
    assert outcomes(send(api, "patients", text(HEADER, married))) == ["updated"]
    ann = api.get(f"patients/{first}/").json()
    assert (ann["family_name"], ann["phone"], ann["email"]) == ("Sample", ANN[5], "ann.sample@example.com")


def test_a_number_in_a_file_is_no_consent(api: Api, clinic: factories.Clinic) -> None:
    send(api, "patients", text(HEADER, ANN))
    assert not MessagingConsent.objects.filter(patient__family_name="Example").exists()
    told = text((*HEADER, "may_message"), ("ehr", "9", *ANN[2:], "yes"))
    found = send(api, "patients", told).json()["results"][0]["id"]
    channels = MessagingConsent.objects.filter(patient_id=found).values_list("channel", flat=True)
    assert set(channels) == {"sms", "email"}


def test_all_or_nothing_takes_everything_back(api: Api, clinic: factories.Clinic) -> None:
    file = text(HEADER, ANN, ("ehr", "3", "Cy", "Example", "tomorrow", "", ""))
    count = people(clinic)
    answer = send(api, "patients", file, all_or_nothing=True)
    assert outcomes(answer) == ["created", "refused"]
    assert answer.json()["applied"] is False
    assert answer.json()["results"][0]["id"] is None
    assert people(clinic) == count
    short = text(HEADER, ANN) + "ehr,4\r\n"
    assert send(api, "patients", short, all_or_nothing=True).json()["applied"] is False
    assert people(clinic) == count
    assert send(api, "patients", text(HEADER, ANN, BOB), all_or_nothing=True).json()["applied"] is True
    assert people(clinic) == count + 2


def test_a_key_gives_the_first_report_again(api: Api, clinic: factories.Clinic) -> None:
    file = text(HEADER, ANN, ("ehr", "", "Cy", "Example", "1990-01-01", "", ""))
    first = send(api, "patients", file, idempotency_key="k")
    again = send(api, "patients", file, idempotency_key="k")
    assert outcomes(first) == ["created", "refused"]
    assert again.json() == first.json()
    refused(
        send(api, "patients", text(HEADER, BOB), idempotency_key="k"),
        code="idempotency_key_reused",
        status=422,
    )


def test_a_run_that_was_broken_off_is_gone_through_again(api: Api, clinic: factories.Clinic) -> None:
    send(api, "patients", text(HEADER, ANN), idempotency_key="k")
    ImportRun.objects.update(results=None, applied=False)
    again = send(api, "patients", text(HEADER, ANN), idempotency_key="k")
    assert outcomes(again) == ["unchanged"]


def test_what_is_kept_of_a_run_repeats_nothing_of_the_file(api: Api, clinic: factories.Clinic) -> None:
    send(
        api, "patients", text(HEADER, ("planted-system", "planted-value", "Planted", "X", "planted", "", ""))
    )
    kept = [
        row for name, row in database.texts() if name in ("practice_importrun", "practice_idempotencykey")
    ]
    assert kept
    assert not any("planted" in row.lower() for row in kept)


def test_an_identifier_twice_in_one_file(api: Api, clinic: factories.Clinic) -> None:
    answer = send(api, "patients", text(HEADER, ANN, ANN))
    assert outcomes(answer) == ["created", "refused"]
    assert faults(answer) == [(3, "external_value")]


def test_another_practice_s_identifiers_are_not_ours(api: Api, clinic: factories.Clinic) -> None:
    theirs = factories.small_clinic()
    file = text(HEADER, ANN)
    other = send(program(theirs.practice), "patients", file).json()["results"][0]["id"]
    mine = send(api, "patients", file)
    assert outcomes(mine) == ["created"]
    assert mine.json()["results"][0]["id"] != other
    named = text((*HEADER, "site"), ("ehr", "5", *ANN[2:], theirs.site.name))
    assert faults(send(api, "patients", named)) == [(2, "site")]


# --- files that mean no good --------------------------------------------------------------------------------
HEAD = ",".join(HEADER)
WHOLE_FILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "file"),
    "only blank lines": (b"\r\n\n\r", "file"),
    "no header": (b"ehr,1,Ann,Example,1980-01-01,,\n", "file"),
    "unknown column": (f"{HEAD},colour\n".encode(), "file"),
    "column twice": (f"{HEAD},email\n".encode(), "file"),
    "column missing": (b"external_system,external_value\n", "file"),
    "nul": (f"{HEAD}\nehr,1,A\x00n,B,1990-01-01,,\n".encode(), "file"),
    "latin 1": (f"{HEAD}\nehr,1,Zo\u00eb,B,1990-01-01,,\n".encode("latin-1"), "file"),
    "utf 16": (HEAD.encode("utf-16"), "file"),
    "open quote": (f'{HEAD}\nehr,1,"Ann,B,1990-01-01,,\n'.encode(), "file"),
    "text after a quote": (f'{HEAD}\nehr,1,"Ann"x,B,1990-01-01,,\n'.encode(), "file"),
    "a cell without end": (f"{HEAD}\nehr,1,{'x' * 200_000},B,1990-01-01,,\n".encode(), "file"),
    "not text at all": (bytes(range(1, 256)), "file"),
    "too many rows": (f"{HEAD}\n".encode() + b"ehr,1,,,,,\n" * (tables.MOST_ROWS + 1), "file"),
}


@pytest.mark.parametrize("name", WHOLE_FILE)
def test_a_file_that_cannot_be_read(api: Api, clinic: factories.Clinic, name: str) -> None:
    raw, field = WHOLE_FILE[name]
    before = database.counts()
    for mode in ("dry_run", "apply"):
        refused(send(api, "patients", raw, mode=mode), field)
    assert database.counts() == before


def test_a_file_of_ten_megabytes(api: Api, clinic: factories.Clinic) -> None:
    raw = f"{HEAD}\n".encode() + b"x" * 10_000_000
    refused(send(api, "patients", raw), code="too_large", status=413)
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + raw + b"\r\n--b--"
    sent = send(api, "patients", form, content_type="multipart/form-data; boundary=b")
    refused(sent, code="too_large", status=413)


def test_a_million_rows(api: Api, clinic: factories.Clinic) -> None:
    refused(send(api, "patients", f"{HEAD}\n".encode() + b"a\n" * 1_000_000), "file")


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.ms-excel", "text/html", ""])
def test_a_wrong_content_type(api: Api, clinic: factories.Clinic, kind: str) -> None:
    answer = send(api, "patients", text(HEADER, ANN), content_type=kind)
    refused(answer, code="unsupported_media_type", status=415)


def test_a_form(api: Api, clinic: factories.Clinic) -> None:
    def form(*parts: tuple[str, str, str]) -> Any:
        raw = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'
            for name, more, value in parts
        )
        kind = "multipart/form-data; boundary=b"
        return send(api, "patients", f"{raw}--b--\r\n", content_type=kind)

    file = text(HEADER, ANN)
    assert outcomes(form(("file", '; filename="../../x.csv"', file))) == ["created"]
    refused(form(("file", "", file)), "file")
    refused(form(("file", '; filename="a"', file), ("mode", "", "apply")), "file")
    refused(form(("file", '; filename="a"', file), ("file", '; filename="b"', file)), "file")
    refused(send(api, "patients", "--b", content_type="multipart/form-data; boundary=b"), "file")
    refused(send(api, "patients", "x", content_type="multipart/form-data"), "file")


def test_unknown_modes_and_parameters(api: Api, clinic: factories.Clinic) -> None:
    refused(send(api, "patients", text(HEADER, ANN), mode="maybe"), "mode")
    raw = text(HEADER, ANN).encode()
    refused(api.send("POST", "imports/patients/?colour=red", raw=raw, content_type="text/csv"), "colour")


HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(A1)",
    "-1",
    'say "hi"',
    "a,b;c",
    "\u202b",
    "\u0130",
    "e\u0301" * 20,
]


def test_a_formula_is_a_text_and_is_told_back_as_one(api: Api, clinic: factories.Clinic) -> None:
    for number, value in enumerate(HOSTILE):
        row = ("ehr", f"h{number}", value, "Example", "1990-01-01", "", "")
        answer = send(api, "patients", text(HEADER, row))
        if outcomes(answer) == ["refused"]:
            assert faults(answer) == [(2, "given_name")]
            continue
        assert api.get(f"patients/{answer.json()['results'][0]['id']}/").json()["given_name"] == value
    written = tables.write(header=("name",), rows=[(value,) for value in HOSTILE])
    for cell in tables.read(text=written, columns=("name",), needed=("name",)):
        assert not cell.get("name").startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "mixed"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_what_spreadsheets_write(
    api: Api, clinic: factories.Clinic, ends: str, mark: bytes, between: str
) -> None:
    lines = [HEADER, ANN, BOB, ("ehr", "3", "Cy", "Example", "nonsense", "", "")]
    joined = [between.join(cells) for cells in lines]
    if ends == "mixed":
        file = joined[0] + "\r\n" + joined[1] + "\n" + joined[2] + "\r" + joined[3]
    else:
        file = ends.join(joined) + ends
    answer = send(api, "patients", mark + file.encode())
    assert outcomes(answer) == ["created", "created", "refused"]
    assert faults(answer) == [(4, "birth_date")]


def test_the_line_is_where_the_row_begins(api: Api, clinic: factories.Clinic) -> None:
    # A new line within a name is refused as a name, and counts as a line of the file.
    file = f'{HEAD}\n\nehr,1,"An\nn",Example,1990-01-01,,\nehr,2,Bob,Example,never,,\n'
    assert faults(send(api, "patients", file)) == [(3, "given_name"), (5, "birth_date")]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@given(rows=st.lists(st.tuples(CELL, CELL), max_size=8))
def test_what_is_written_is_read_back(rows: list[tuple[str, str]]) -> None:
    found = tables.read(text=tables.write(header=("a", "b"), rows=rows), columns=("a", "b"), needed=("a",))
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    assert len(found) == len(kept)
    for row, cells in zip(found, kept, strict=True):
        for name, cell in zip(("a", "b"), cells, strict=True):
            assert row.get(name).removeprefix("'").strip() == cell.strip().removeprefix("'").strip()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=300) | CELL.map(lambda cell: f"{HEAD}\n{cell},{cell}".encode()))
def test_no_file_breaks_anything(api: Api, clinic: factories.Clinic, raw: bytes) -> None:
    assert send(api, "patients", raw, mode="dry_run").status_code in (200, 400)

"""The OpenAPI document is valid, whole, and true of the answers; its readable form obeys the browser's
rules."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from clinic.practice.api.schema import WRITTEN
from clinic.practice.permissions import SCOPES
from tests import factories
from tests.api.conftest import Api, program
from tests.api.test_courses import book

pytestmark = pytest.mark.django_db
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def document(db: None) -> Any:
    return json.loads(Client().get("/api/schema/").content)


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_it_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_only_way_in_is_a_bearer_token(document: Any) -> None:
    schemes = document["components"]["securitySchemes"]
    assert [(scheme["type"], scheme["scheme"]) for scheme in schemes.values()] == [("http", "bearer")]
    assert all(operation["security"] == [{"bearer": []}] for _, _, operation in operations(document))


def test_every_route_of_the_api_is_in_it(document: Any) -> None:
    told = {re.sub(r"\{(\w+)\}", r"<uuid:\1>", path) for path in document["paths"]}
    routes: set[str] = set()
    for resolver in get_resolver().url_patterns:
        if isinstance(resolver, URLResolver) and str(resolver.pattern) == "api/v1/":
            for inner in resolver.url_patterns:
                routes |= {f"/api/v1/{pattern.pattern}" for pattern in inner.url_patterns}
    assert told == routes


def test_every_operation_tells_its_scope_and_its_refusals(document: Any) -> None:
    for path, method, operation in operations(document):
        scope = re.search(r"`([a-z]+:[a-z-]+)`", operation["description"])
        assert scope, (method, path)
        assert scope[1] in SCOPES
        assert scope[1].startswith("read:") or method != "get"
        answers = operation["responses"]
        assert {"400", "401", "403"} <= set(answers)
        assert ("404" in answers) == ("{" in path)
        if method in {"patch", "put"}:
            assert {"412", "428"} <= set(answers)
        for status, answer in answers.items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"]


def test_a_write_says_that_it_shows_what_it_wrote(document: Any) -> None:
    saying = [
        (path, method)
        for path, method, operation in operations(document)
        if operation["description"].endswith(WRITTEN)
    ]
    assert ("/api/v1/patients/{id}/", "patch") in saying
    assert ("/api/v1/courses/", "post") in saying
    # Writes nothing.
    assert ("/api/v1/courses/propose/", "post") not in saying
    assert not [path for path, method in saying if method in {"get", "delete"}]


def test_a_program_without_the_scope_to_read_sees_what_it_wrote_and_nothing_else(
    clinic: factories.Clinic,
) -> None:
    api = program(clinic.practice, "write:patients")
    where = f"patients/{clinic.patient.pk}/"
    written = api.patch(where, {"language": "es"}, if_match="*")
    assert written.status_code == 200
    assert written.json()["family_name"] == clinic.patient.family_name
    for closed in (where, "patients/", "courses/"):
        assert api.get(closed).status_code == 403


def test_a_course_needs_its_key(document: Any) -> None:
    parameters = document["paths"]["/api/v1/courses/"]["post"]["parameters"]
    assert {p["name"]: p["required"] for p in parameters if p["in"] == "header"} == {"Idempotency-Key": True}


def test_what_refuses_unknown_fields_says_so(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["SiteChangeRequest"]["additionalProperties"] is False
    assert schemas["ProtocolRequest"]["additionalProperties"] is True


def test_the_answers_are_as_it_says(document: Any, api: Api, clinic: factories.Clinic) -> None:
    course = book(api, clinic).json()
    day = course["visits"][0]["start"][:10]
    ids = {
        "practices": clinic.practice.pk,
        "sites": clinic.site.pk,
        "rooms": clinic.chairs[0].pk,
        "practitioners": clinic.monitor.pk,
        "protocols": clinic.version.template_id,
        "patients": clinic.patient.pk,
        "courses": course["id"],
        "appointments": course["visits"][0]["id"],
        "gaps": course["gaps"][0]["id"],
    }
    asked = {f"/api/v1/{name}/": f"{name}/" for name in (*ids, "shifts", "closures", "messages")}
    asked |= {f"/api/v1/{name}/{{id}}/": f"{name}/{row_id}/" for name, row_id in ids.items()}
    asked["/api/v1/gaps/{id}/explain/"] = f"gaps/{course['gaps'][0]['id']}/explain/"
    asked["/api/v1/roster/"] = f"roster/?site={clinic.site.pk}&day={day}"
    asked["/api/v1/availability/"] = (
        f"availability/?patient={clinic.patient.pk}&start_from={day}T00:00:00Z&start_before={day}T20:00:00Z"
    )
    kept = ("consents", "eligibility", "measures", "messaging-consents", "contact-points", "address-requests")
    for sub in kept:
        asked[f"/api/v1/patients/{{id}}/{sub}/"] = f"patients/{clinic.patient.pk}/{sub}/"
    for path, address in asked.items():
        answer = api.get(address)
        assert answer.status_code == 200, (address, answer.content)
        told = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        problems = Draft202012Validator({**told, "components": document["components"]}).iter_errors(
            answer.json()
        )
        assert [problem.message for problem in problems] == [], address


def test_a_refusal_is_as_it_says(document: Any, api: Api) -> None:
    answer = api.post("sites/", {})
    schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    assert list(Draft202012Validator(schema).iter_errors(answer.json())) == []


def test_the_readable_docs_hold_no_inline_script_or_style(db: None) -> None:
    page = Client().get("/api/docs/")
    html = page.content.decode()
    assert page.status_code == 200
    assert "unsafe-inline" not in page["Content-Security-Policy"]
    assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|style=", html)
    sources = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert all(source.startswith("/") for source in sources), "everything comes from here"
    script = Client().get(next(source for source in sources if "script=" in source).replace("&amp;", "&"))
    assert script["Content-Type"].startswith("application/javascript")

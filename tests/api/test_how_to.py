"""The bodies that docs/how-to/call-the-api.md shows are bodies that the API takes."""

import json
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from tests.docs import fenced

PAGE = fenced.ROOT / "docs" / "how-to" / "call-the-api.md"
SHOWN = [block for block in fenced.blocks(PAGE) if block.language == "json"]


def test_there_is_something_to_check() -> None:
    assert len(SHOWN) >= 4


@pytest.mark.django_db
@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.note)
def test_what_is_shown_has_the_shape_that_is_asked_for(block: fenced.Block) -> None:
    document: Any = json.loads(Client().get("/api/schema/").content)
    method, address = block.note.split()
    operation = document["paths"][f"/api/v1/{address}"][method.lower()]
    told = operation["requestBody"]["content"]["application/json"]["schema"]
    problems = Draft202012Validator({**told, "components": document["components"]}).iter_errors(
        json.loads(block.text)
    )
    assert [problem.message for problem in problems] == []

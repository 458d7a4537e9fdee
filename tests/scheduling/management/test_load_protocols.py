"""Giving a practice its protocols from the command line."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from clinic.practice.models import Practice
from scheduling.models import ProtocolVersion
from tests import factories

pytestmark = pytest.mark.django_db


def load(practice: Practice, *args: object) -> str:
    out = io.StringIO()
    call_command("load_protocols", str(practice.pk), *map(str, args), stdout=out)
    return out.getvalue()


def test_the_library_is_stored_once() -> None:
    ours = factories.practice()
    told = load(ours)
    assert f"{factories.IV}: version 1\n" in told
    assert len(told.splitlines()) == len(factories.library_keys())
    load(ours)
    stored = ProtocolVersion.objects.filter(template__practice=ours)
    assert sorted(stored.values_list("template__key", flat=True)) == sorted(factories.library_keys())


def test_a_file_of_ones_own_becomes_a_new_version(tmp_path: Path) -> None:
    ours = factories.practice()
    factories.protocol(ours)
    changed = {**factories.document(), "name": "Renamed"}
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"protocols": [changed]}))
    assert load(ours, file) == f"{factories.IV}: version 2\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("not json", "cannot be read"),
        ("[]", 'list "protocols"'),
        ('{"protocols": [{"key": "a"}]}', "protocol a: .*phases: "),
        ('{"protocols": [7]}', "protocol 0: document: "),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "own.json"
    file.write_text(content)
    with pytest.raises(CommandError, match=told):
        load(factories.practice(), file)
    assert not ProtocolVersion.objects.exists()


def test_a_practice_that_is_not_there_is_refused() -> None:
    with pytest.raises(CommandError, match="no such object"):
        call_command("load_protocols", "00000000-0000-0000-0000-000000000000")

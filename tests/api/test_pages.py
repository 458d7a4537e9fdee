"""Lists come in pages: bounded, in an order that writing meanwhile does not disturb, with cursors that
nobody can forge."""

import pytest

from tests import factories
from tests.api.conftest import Api, program

pytestmark = pytest.mark.django_db


@pytest.fixture
def many(clinic: factories.Clinic) -> list[str]:
    """Twelve sites more than the clinic's own."""
    return [str(factories.site(clinic.practice).pk) for _ in range(12)]


def walk(api: Api, path: str, limit: int, between: object = None) -> list[str]:
    seen: list[str] = []
    cursor = ""
    while True:
        joiner = "&" if "?" in path else "?"
        answer = api.get(f"{path}{joiner}limit={limit}{f'&cursor={cursor}' if cursor else ''}")
        assert answer.status_code == 200, answer.content
        page = answer.json()
        assert len(page["results"]) <= limit
        seen += [row["id"] for row in page["results"]]
        if page["next"] is None:
            return seen
        if callable(between):
            between()
        cursor = page["next"]


@pytest.mark.parametrize("limit", [1, 5, 13, 200])
def test_every_row_is_seen_once(api: Api, clinic: factories.Clinic, many: list[str], limit: int) -> None:
    seen = walk(api, "sites/", limit)
    assert sorted(seen) == sorted([*many, str(clinic.site.pk)])


def test_rows_written_meanwhile_disturb_no_other(api: Api, clinic: factories.Clinic, many: list[str]) -> None:
    touched: list[str] = []

    def write() -> None:
        factories.site(clinic.practice)
        site = many[len(touched)]
        touched.append(site)
        etag = api.get(f"sites/{site}/")["ETag"]
        assert api.patch(f"sites/{site}/", {"address": "Moved"}, if_match=etag).status_code == 200

    seen = walk(api, "sites/", 4, between=write)
    untouched = {*many, str(clinic.site.pk)} - set(touched)
    assert untouched
    assert set(many) <= set(seen), "a row that changes is seen again, never missed"
    assert all(seen.count(site) == 1 for site in untouched)


def test_a_list_is_bounded_unasked(api: Api, clinic: factories.Clinic) -> None:
    for _ in range(60):
        factories.room(clinic.site)
    page = api.get("rooms/").json()
    assert len(page["results"]) == 50
    assert page["next"]
    assert api.get("rooms/?limit=201").status_code == 400
    assert api.get("rooms/?limit=-1").status_code == 400
    assert api.get("rooms/?limit=many").status_code == 400


def test_a_cursor_belongs_to_its_list_and_its_filters(
    api: Api, clinic: factories.Clinic, many: list[str]
) -> None:
    cursor = api.get("sites/?limit=2").json()["next"]
    assert api.get(f"sites/?limit=5&cursor={cursor}").status_code == 200
    for elsewhere in (
        f"rooms/?cursor={cursor}",
        f"sites/?updated_since=2020-01-01T00:00:00Z&cursor={cursor}",
        f"sites/?cursor={cursor}x",
        "sites/?cursor=made-up",
        "sites/?cursor=%00",
        "sites/?cursor=",
    ):
        answer = api.get(elsewhere)
        assert answer.status_code == 400, elsewhere
        assert list(answer.json()["fields"]) == ["cursor"], elsewhere
    assert program(clinic.practice).get(f"sites/?cursor={cursor}").status_code == 400


def test_filters_narrow_and_see_no_other_practice(
    api: Api, clinic: factories.Clinic, many: list[str]
) -> None:
    theirs = factories.site(factories.practice())
    room = factories.room(theirs)
    assert str(theirs.pk) not in walk(api, "sites/", 200)
    assert walk(api, f"rooms/?site={theirs.pk}", 200) == []
    assert str(room.pk) not in walk(api, "rooms/", 200)
    here = factories.room(clinic.site, "quiet_room")
    assert walk(api, f"rooms/?site={clinic.site.pk}&kind=quiet_room", 200) == [str(here.pk)]


def test_what_changed_since(api: Api, clinic: factories.Clinic, many: list[str]) -> None:
    last = api.get(f"sites/{many[-1]}/").json()["updated_at"]
    assert walk(api, f"sites/?updated_since={last}", 200) == [many[-1]]
    assert walk(api, "sites/?updated_since=2090-01-01T00:00:00Z", 200) == []


@pytest.mark.parametrize(
    "path",
    ["courses/", "appointments/", "gaps/", "messages/", "patients/", "closures/", "shifts/", "absences/"],
)
def test_every_list_has_the_same_form(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 200
    assert set(answer.json()) == {"results", "next"}

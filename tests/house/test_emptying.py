"""What a test committed is gone before the next one, whatever keeps it in the product."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission

from clinic.practice.models import Practice, TrailEntry
from tests import emptying, factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("many", [2000, 0])
def test_nothing_is_left_but_what_migrating_wrote(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of tables with so many rows that they are truncated, and of those from which nothing may go."""
    monkeypatch.setattr(emptying, "MANY", many)
    factories.small_clinic()
    assert TrailEntry.objects.exists()
    emptying.empty()
    left = {model._meta.label for model in apps.get_models() if model._default_manager.exists()}
    assert left == {"contenttypes.ContentType", "auth.Permission"}
    assert Permission.objects.filter(content_type__app_label=Practice._meta.app_label).exists()

"""Which protocols a site can hold."""

from datetime import timedelta

import pytest

from clinic.practice.errors import NotFound
from scheduling.booking.protocol import catalogue
from scheduling.models import Shift
from scheduling.planning.needs import Lacking
from tests import factories


@pytest.mark.django_db
def test_a_site_offers_what_it_has_people_and_rooms_for() -> None:
    clinic = factories.small_clinic()
    factories.protocol(clinic.practice, "tms_standard_36")

    def lacking() -> dict[str, Lacking]:
        offered = catalogue.at_site(actor=clinic.admin, site_id=clinic.site.pk, now=factories.NOW)
        return {one.key: one.lacking for one in offered}

    found = lacking()
    assert found[factories.IV].nothing
    assert found["tms_standard_36"].roles == ("operator",)
    assert found["tms_standard_36"].rooms == (("tms_device",),)
    Shift.objects.update(valid_until=(factories.NOW - timedelta(days=1)).date())
    assert "therapist" in lacking()[factories.IV].roles
    empty = factories.site(clinic.practice)
    offered = catalogue.at_site(actor=clinic.admin, site_id=empty.pk, now=factories.NOW)
    assert not any(one.lacking.nothing for one in offered)
    with pytest.raises(NotFound):
        catalogue.at_site(
            actor=factories.admin(factories.practice()), site_id=clinic.site.pk, now=factories.NOW
        )

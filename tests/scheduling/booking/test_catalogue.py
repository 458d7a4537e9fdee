"""Which protocols a site can hold."""

import pytest

from clinic.practice.errors import NotFound
from scheduling.booking import catalogue
from tests import factories


@pytest.mark.django_db
def test_a_site_offers_what_it_has_people_and_rooms_for() -> None:
    clinic = factories.small_clinic()
    factories.protocol(clinic.practice, "tms_standard_36")
    found = {one.key: one for one in catalogue.at_site(actor=clinic.admin, site_id=clinic.site.pk)}
    assert found[factories.IV].lacks == ()
    assert "operator" in found["tms_standard_36"].lacks
    empty = factories.site(clinic.practice)
    assert all(one.lacks for one in catalogue.at_site(actor=clinic.admin, site_id=empty.pk))
    with pytest.raises(NotFound):
        catalogue.at_site(actor=factories.admin(factories.practice()), site_id=clinic.site.pk)

"""What happens to each invented patient: one line a course, at every stage of five protocols.

`days_ago` is when the first dose is due, before today (negative: ahead). `unbooked` are doses whose
follow-up nobody booked, `missed` are visits that the patient did not come to, `cancelled` visits that
were called off, `unrecorded` visits that nobody wrote down. The rest names a dose whose follow-up took
another way.
"""

from dataclasses import dataclass

from scheduling.management.demo.plans import EAST, LONDON, WEST

IV, NASAL, KAP = "iv_ketamine_2x_3wk_cbt", "esketamine_spravato_trd", "kap_sublingual_im"
HOME, DEVICE = "at_home_sublingual_telehealth", "tms_standard_36"
FIVE = (IV, NASAL, KAP, HOME, DEVICE)


@dataclass(frozen=True, slots=True)
class Story:
    protocol: str
    site: str
    days_ago: int
    unbooked: tuple[int, ...] = ()
    missed: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    # The follow-up of this dose was waived, attended late, booked late, or attended elsewhere.
    waived: int | None = None
    late: int | None = None
    booked_late: int | None = None
    elsewhere: int | None = None
    # So many days after the first dose the course was called off.
    stopped_after: int | None = None


ALL = tuple(range(1, 40))

STORIES = (
    # Twice weekly for three weeks.
    Story(IV, EAST, -7),
    Story(IV, EAST, -2, unbooked=(3,)),
    Story(IV, EAST, 6, unbooked=(2,), unrecorded=("integration-1",)),
    # Lapsed, open and about to be open.
    Story(IV, EAST, 15, unbooked=ALL),
    Story(IV, EAST, 12, missed=("dose-2",), waived=1, unbooked=(1,)),
    Story(IV, EAST, 20, cancelled=("dose-3",), elsewhere=2, unbooked=(2,)),
    Story(IV, EAST, 26),
    Story(IV, EAST, 24, stopped_after=8),
    # Eight doses in four weeks.
    Story(NASAL, EAST, -4),
    Story(NASAL, EAST, 10, unbooked=(3, 4)),
    Story(NASAL, EAST, 18, missed=("integration-4",), waived=2, unbooked=(2,)),
    Story(NASAL, EAST, 33),
    # With the therapist present, about every ten days.
    Story(KAP, WEST, -9),
    Story(KAP, EAST, 4, unbooked=(1,), booked_late=1),
    Story(KAP, WEST, 24, unbooked=(1,), late=1, missed=("dose-2",)),
    Story(KAP, WEST, 45),
    # Whatever today is, for one of these three the window has closed and the grace has not.
    Story(KAP, EAST, 6, unbooked=(1,), booked_late=1),
    Story(KAP, LONDON, 5, unbooked=(1,), booked_late=1),
    Story(KAP, LONDON, 18, unbooked=(2,)),
    Story(KAP, LONDON, -6),
    # At home, with a guide for the first two.
    Story(HOME, EAST, -3),
    Story(HOME, EAST, 11, unbooked=(2,)),
    Story(HOME, EAST, 40, elsewhere=3, unbooked=(3,)),
    # Daily with the device: no follow-ups are owed.
    Story(DEVICE, EAST, -5),
    Story(DEVICE, EAST, 8, missed=("dose-3",)),
    Story(DEVICE, EAST, 20),
)

"""What people do at the screen, in a real browser.

Every test is watched (`conftest`): no error in the console, no other host asked, nothing of a patient kept in
the browser, no cookie that scripts may read but the token of the forms; `test_watching` has the negative
controls. *Where* names the files without their `test_`; *mouse* is left out.

| Journey | Who | Under which conditions | Where |
|---|---|---|---|
| every address and its states | everybody | light, dark, one column, targets | every_screen |
| the patient's page in each state | patient | the same, in both languages | every_screen |
| sign in, passkey | front desk | keys alone | second_factor, journeys |
| sign in again over an open form | front desk | session over, second tab, somebody else | shell |
| find a patient; keys and their sheet | front desk | keys | shell, journeys |
| check in, start, complete | front desk, therapist | keys, telephone, no script | journeys, clinicians |
| written down afterwards | front desk | no script | journeys |
| discharge, and too early | clinical lead, prescriber | the clock runs, telephone | day, clinicians |
| a rule set aside with a reason | prescriber | keys alone | clinicians |
| move with what follows, undo, why not | front desk | keys, no script, telephone | day |
| a visit by itself | front desk | no script | day |
| cancel | front desk | two tabs, session over | two_tabs, shell |
| book a course | front desk | keys, no script, somebody was faster | book, every_screen |
| a missing follow-up booked, taken back | front desk | two people at once | book, two_tabs |
| a missing follow-up taken, put off | therapist | keys alone | clinicians |
| a missing follow-up waived | prescriber, clinical lead | telephone without scripts | clinicians, journeys |
| a course's page | front desk | somebody else pauses it | course |
| a practice from nothing to a course | practice administrator | clicks and fields counted | admin |
| rooms, people, shifts | practice administrator | keys without scripts, two tabs | admin, setup, two_tabs |
| somebody calls in sick, their visits given away | front desk | telephone | setup |
| a protocol drawn and saved | prescriber | two tabs | clinicians, two_tabs |
| own words of messages | practice administrator | telephone without scripts | wordings |
| which messages go, and when | practice administrator | telephone, keys | message_plan |
| a lost second factor | practice administrator | keys alone | admin |
| confirm, move, cancel, ride, questions | patient | one thumb, no script, taps twice | patient, once |
| move what the desk moved meanwhile | patient | telephone | two_tabs |
| every kind of button that writes | front desk, administrator | slow network, pressed twice, back | once |
| paper | front desk | A4, Letter | book, day |
"""

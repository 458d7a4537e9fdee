"""What each message is for, when it goes, and what its placeholders stand for: in words."""

PURPOSE = {
    "course_booked": "That a course, or a visit, is booked, and how to confirm or change it.",
    "visit_moved": "That one visit or several have new times.",
    "visit_cancelled": "That one visit or several do not take place.",
    "reminder_72h": "The early reminder: time left to change what does not suit.",
    "reminder_24h": "The last reminder. No limit of messages ever holds back the one before a dose.",
    "ride_home": "The last reminder, where nobody is named yet who takes the patient home.",
    "preparation": "What is left to do before the first dose, on the patient's page.",
    "measure_due": "That questions are to be answered before a visit.",
    "check_in": "How the patient is after a dose, and whom to call.",
    "window_half": "That the follow-up after a dose is still not booked, and still can be.",
    "follow_up_missing": "That the follow-up after a dose still has to be booked.",
    "no_show": "After a visit that the patient missed: without blame, how to get a new time.",
    "visit_link": "The link to the patient's own page of a visit.",
    "visit_confirmed": "That the answer by text has confirmed the visit.",
    "visit_list": "All coming visits of a course on one sheet.",
    "digest": "To staff: how many open items wait for them. It names nobody.",
    "staff_alert": "To staff: what has become urgent and is theirs, by kind and number. It names nobody.",
}
WHEN = {
    "course_booked": "Three minutes after the booking; the e-mail brings a calendar entry.",
    "visit_moved": "Three minutes after the move; a move that was undone by then sends nothing.",
    "visit_cancelled": "Three minutes after the cancellation; the e-mail takes the calendar entry back. Who "
    "cancels by their own link gets the e-mail alone.",
    "reminder_72h": "72 hours before the visit, if it was booked by then.",
    "reminder_24h": "24 hours before the visit; not in the patient's quiet hours.",
    "ride_home": "24 hours before a visit after which nobody goes home alone, instead of the reminder.",
    "preparation": "Seven days before the first dose of a course, by e-mail where there is one.",
    "measure_due": "48 hours before the visit, unless they were sent.",
    "check_in": "20 to 24 hours after the dose, unless another visit is near or its follow-up is missing.",
    "window_half": "When half of the follow-up's window is over, if nothing is booked.",
    "follow_up_missing": "20 to 24 hours after the dose, while the window is open.",
    "no_show": "At nine on the next business morning of the site.",
    "visit_link": "When the front desk sends it, or the patient asks for a new one.",
    "visit_confirmed": "At once, when the patient answers C.",
    "visit_list": "When the front desk mails it.",
    "digest": "At half past seven each business morning, to who has something open.",
    "staff_alert": "When a follow-up has gone to the clinical lead, when an answer has to be looked at "
    "today, when a message is in doubt or failed; once in 15 minutes at most, but for such an answer.",
}
PLACEHOLDERS = {
    "clinic": "the practice's name in messages",
    "phone": "the site's phone, else the practice's",
    "stop": "how to make the messages stop; always there, in our words",
    "times": "the times of the visits, as many as fit",
    "first": "the time of the first visit",
    "list": "all times, one a line",
    "total": "how many visits",
    "reply": "says nothing; in [brackets] it chooses the wording that asks for a reply by text",
    "several": "says nothing; in [brackets] it chooses the wording for several",
    "place": "the address, if it is one for all",
    "link": "the patient's own page of the visit",
    "count": "how many open items",
    "matters": "how much there is of each kind, one a line",
    "home": "the address of this service",
}
LANGUAGES = {"en": "English", "es": "Spanish"}

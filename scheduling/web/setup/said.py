"""What each message is for, when it goes, and what its placeholders stand for: in words."""

PURPOSE = {
    "course_booked": "That a course, or a visit, is booked, and how to confirm or change it.",
    "visit_moved": "That one visit or several have new times.",
    "reminder_72h": "The early reminder: time left to change what does not suit.",
    "reminder_24h": "The last reminder. No limit of messages ever holds back the one before a dose.",
    "follow_up_missing": "That the follow-up after a dose still has to be booked.",
    "no_show": "After a visit that the patient missed: without blame, how to get a new time.",
    "visit_link": "The link to the patient's own page of a visit.",
    "visit_list": "All coming visits of a course on one sheet.",
    "digest": "To staff: how many open items wait for them. It names nobody.",
}
WHEN = {
    "course_booked": "Three minutes after the booking; the e-mail brings a calendar entry.",
    "visit_moved": "Three minutes after the move; a move that was undone by then sends nothing.",
    "reminder_72h": "72 hours before the visit, if it was booked by then.",
    "reminder_24h": "24 hours before the visit; not in the patient's quiet hours.",
    "follow_up_missing": "20 to 24 hours after the dose, while the window is open.",
    "no_show": "At nine on the next business morning of the site.",
    "visit_link": "When the front desk sends it, or the patient asks for a new one.",
    "visit_list": "When the front desk mails it.",
    "digest": "At half past seven each business morning, to who has something open.",
}
PLACEHOLDERS = {
    "clinic": "the practice's name in messages",
    "phone": "the site's phone, else the practice's",
    "stop": "how to make the messages stop; always there, in our words",
    "times": "the times of the visits, as many as fit",
    "first": "the time of the first visit",
    "list": "all times, one a line",
    "total": "how many visits",
    "several": "says nothing; in [brackets] it chooses the wording for several",
    "place": "the address, if it is one for all",
    "link": "the patient's own page of the visit",
    "count": "how many open items",
    "home": "the address of this service",
}
LANGUAGES = {"en": "English", "es": "Spanish"}

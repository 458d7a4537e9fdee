"""Why a message was not sent, was taken back or is in doubt: every code that the source writes, in words.

A test reads the source for codes and fails for one that has no words here.
"""

import re

from scheduling.web import words

WHY = {
    # Nobody may or can be reached by it.
    "no_consent": "no consent for this channel",
    "consent_revoked": "the consent was revoked",
    "no_messages": "the patient wants no messages",
    "no_address": "no address is on file",
    "only_for_calls": "the address was given to call by, not for messages",
    "other_address_asked": "the patient asked to be written to at another address",
    "no_recipient": "it has no recipient",
    "opted_out": "the address opted out",
    "no_such_address": "the address does not exist",
    "address_of_a_patient": "a patient has this address",
    "no_provider": "no provider is set up for this channel",
    "no_agreement": "no agreement with this channel's provider has been declared",
    # Somebody chose so.
    "channel_off": "the practice writes by another channel",
    "off_by_practice": "the practice has it switched off",
    "off_by_protocol": "the protocol of the course has it switched off",
    # Its time.
    "over_cap": "enough messages went out that day",
    "quiet_hours": "it would have come in the quiet hours",
    "skipped_stale": "it was no longer useful",
    # What it said is said, or no longer true.
    "merged": "said in another message",
    "superseded": "a newer one replaced it",
    "visit_moved": "the visit was moved",
    "visit_begun": "the visit had begun",
    "visit_gone": "the visit is gone",
    "visit_held": "the visit is only held",
    "visit_booked": "the visit is booked",
    "visit_confirmed": "the visit is confirmed",
    "visit_arrived": "the patient had come",
    "visit_in_progress": "the visit had begun",
    "visit_monitoring": "the visit had begun",
    "visit_fulfilled": "the visit had taken place",
    "visit_cancelled": "the visit was cancelled",
    "visit_no_show": "the patient did not come",
    "visit_displaced": "the visit lost its place",
    "visit_entered_in_error": "the visit was entered in error",
    "follow_up_covered": "the follow-up is booked",
    "follow_up_closed": "the follow-up took place",
    "follow_up_waived": "the follow-up was waived",
    "follow_up_prospective": "the follow-up is booked late",
    "follow_up_open": "the follow-up is booked late",
    "follow_up_lapsed": "the time of the follow-up was over",
    "follow_up_void": "no follow-up is owed any more",
    "no_follow_up_owed": "no follow-up is owed",
    "no_dose": "the dose did not take place",
    "offer_over": "the place is not kept any more",
    "nothing_booked": "nothing is booked any more",
    "nothing_open": "nothing was open any more",
    "number_changed": "texts go to another number now",
    "shared_number_told": "somebody else with this number was told",
    "switched_off": "its reader has switched these e-mails off",
    "ride_named": "somebody was named who takes the patient home",
    "no_ride_needed": "nobody needs to take the patient home",
    "not_first": "another dose comes before it",
    "nothing_asked": "the questions were answered",
    "seen_anyway": "another visit is near",
    "later_dose": "a later dose has a word of its own",
    "not_missed": "the visit was not missed after all",
    "rebooked": "a new time is booked",
    "record_corrected": "the record was corrected",
    "entered_in_error": "it was entered in error",
    "course_cancelled": "the course was cancelled",
    "no_link": "the visit has no link any more",
    # What people said.
    "withdrawn": "somebody here withdrew it",
    "said_not_sent": "somebody here found that it was not sent",
    # How a hand-over broke off.
    "in_doubt": "nobody knows whether it was sent",
    "lease_expired": "it broke off while it was handed over",
    "worker_lost": "the program that sends it broke off",
    "not_called": "there was no time left to call the provider",
    "no_sid": "the provider's answer could not be read",
    "no_id": "the provider's answer could not be read",
    "not_listed": "the provider does not list it",
    # What the linter found in its words.
    "denied_word": "a word tells the treatment",
    "private_link": "a link tells who the patient is",
    "too_long": "it is too long",
}
# Before a colon stands what followed, behind it the code of what went wrong.
FOLLOWED = {
    "undelivered": "it did not arrive",
    "permanent": "the provider refused it",
    "transient": "tried again",
    "too_many_attempts": "given up after five tries",
    "stale": "there was no time left to try again",
    "not_neutral": "its words may not be seen",
}
# Providers' numbers (Twilio's and Telnyx's) that people here can do something about.
NUMBERS = {
    "21211": "the number is not valid",
    "21214": "the number cannot be reached",
    "21217": "the number does not seem valid",
    "21610": "the number opted out",
    "21614": "the number takes no text messages",
    "30003": "the phone was off or out of reach",
    "30004": "the phone blocks our messages",
    "30005": "the number does not exist",
    "30006": "a landline, which takes no text messages",
    "30007": "the network took it for spam",
    "30008": "the network does not say why",
    "40001": "a landline, which takes no text messages",
    "40300": "the number opted out",
    "40310": "the number is not valid",
    "10002": "the number is not valid",
}
# The name of an error of a connection, such as ReadTimeout.
_ERROR = re.compile(r"[A-Z]\w*(Error|Timeout|Disconnected|Exception|Refused)")
_SERVERS = {"http": "the provider answered", "smtp": "the mail server answered"}


def why(code: str) -> str:
    """A code in words; what no table knows is shown as it is, readable."""
    head, _, rest = code.partition(":")
    if head in FOLLOWED:
        told = ", ".join(one for one in map(_one, rest.split(",")) if one)
        return f"{FOLLOWED[head]}: {told}" if told else FOLLOWED[head]
    return _one(code)


def _one(code: str) -> str:
    if code in WHY:
        return WHY[code]
    if code in NUMBERS:
        return f"{NUMBERS[code]} (the provider says {code})"
    if code.isdigit():
        return f"the provider says {code}"
    server, _, number = code.partition("_")
    if server in _SERVERS and number.isdigit():
        return f"{_SERVERS[server]} {number}"
    if _ERROR.fullmatch(code):
        return f"the connection broke off ({code})"
    return words.plain(code)

"""What is known of each rule: one line of restatement, and what the product does about it today."""

from typing import NamedTuple

KEPT, PART, NOT_YET = "kept", "in part", "not yet"


class Rule(NamedTuple):
    """A safety (S) or messaging (R) rule."""

    id: str
    asks: str
    today: str
    how: str = ""


RULES = (
    Rule(
        "S-01",
        "A qualified clinician decides that the patient is suitable before the first dose (ASKP, "
        "Basics of Administration).",
        KEPT,
        "A dose without a valid decision for its protocol is not confirmed, checked in or started.",
    ),
    Rule(
        "S-02",
        "Informed consent to this protocol is on file; a change asks for a new one (ASKP).",
        KEPT,
        "Checked with S-01, for the protocol's key and version.",
    ),
    Rule(
        "S-03",
        "Contraindications of esketamine (label).",
        NOT_YET,
        "Part of the clinician's decision (S-01).",
    ),
    Rule("S-04", "Reasons to defer: blood pressure, psychosis, pregnancy … (label).", NOT_YET, "As S-03."),
    Rule("S-05", "Education delivered before consent.", NOT_YET),
    Rule("S-06", "REMS: site certified, patient enrolled before the first dose.", NOT_YET),
    Rule("S-07", "REMS monitoring form within 7 days of each session.", NOT_YET),
    Rule("S-08", "Blood pressure before, at about 40 minutes and before the end (label).", NOT_YET),
    Rule(
        "S-09",
        "The observation time is kept, then a clinician says that the patient may leave (label: two "
        "hours for esketamine).",
        PART,
        "A discharge before the protocol's monitoring time, counted from the recorded start, is "
        "refused. Vital signs are "
        "not recorded, and a chair is kept for the planned block, not for the real one.",
    ),
    Rule(
        "S-10",
        "No driving until the day after a restful sleep (label).",
        PART,
        "By default a follow-up's window does not open on the day of the dose. Nobody is reminded of it.",
    ),
    Rule(
        "S-11",
        "A named escort takes the patient home (label).",
        PART,
        "Patients name somebody by the link; the visit's page shows whom; nothing checks it.",
    ),
    Rule(
        "S-12",
        "Fasting before a dose.",
        PART,
        "The patient's page says the protocol's hours; nobody is asked at check-in.",
    ),
    Rule(
        "S-13",
        "Not on two consecutive days (EU product information of esketamine).",
        PART,
        "By the protocol's smallest spacing, as S-14.",
    ),
    Rule(
        "S-14",
        "A cap in any 7 days and a smallest spacing, for each phase.",
        KEPT,
        "Whenever a course or a dose by itself is booked; an override needs a reason and somebody permitted.",
    ),
    Rule("S-15", "At home: an adult is present, and checks every 15 minutes.", NOT_YET),
    Rule("S-16", "Concomitant medication is checked at each session (REMS form).", NOT_YET),
    Rule(
        "S-17",
        "The end of induction is evaluated before treatment goes on (label).",
        KEPT,
        "A proposal stops at the first phase that asks for a review unless told to go on; the last "
        "dose of such a phase makes the course `review_due` and asks the prescriber. Until the review is "
        "recorded a dose of a later phase is not confirmed, checked in or started.",
    ),
    Rule(
        "S-18",
        "Maintenance is re-examined periodically (label).",
        KEPT,
        "An open-ended phase is planned to a review date: twelve weeks after its first dose, or when the "
        "last review says. On that day the course becomes `review_due` and the prescriber is asked.",
    ),
    Rule(
        "S-19",
        "A missed dose is for the prescriber to decide on (J&J Medical Connect, 10/2025).",
        KEPT,
        "A task for the prescriber.",
    ),
    Rule(
        "S-20",
        "A long gap asks for a clinician before the next dose.",
        PART,
        "A paused course is asked about after 28 days at the latest. A gap without a pause raises nothing "
        "beyond the longest spacing of the phase.",
    ),
    Rule(
        "S-21",
        "Medication reviews by count and by time.",
        PART,
        "Planned with the course where the protocol asks for them. One that is overdue stops nothing.",
    ),
    Rule(
        "S-22",
        "PHQ-9 item 9 above 0: a clinician looks on the same day.",
        PART,
        "What a patient answers by the link is before every prescriber in the same transaction, also when "
        "it is only kept, other answers are missing, from a second tab, or too late; an hour later before "
        "the clinical lead too. Without either of them whoever treats is asked, or the administrator. The "
        "page says whom to call day and night. A PHQ-9 that staff enter as a score has no items.",
    ),
    Rule("S-23", "Never show that there is no risk (PMC8258235).", KEPT, "The product judges no risk."),
    Rule(
        "S-24",
        "Response and remission.",
        KEPT,
        "Said beside the drawing of a course's scores; nothing acts on it.",
    ),
    Rule(
        "S-25",
        "PHQ-9 looks back two weeks: keep its context.",
        KEPT,
        "Asked once a week at most unless the protocol says otherwise, and kept with the visit that it was "
        "filled in for.",
    ),
    Rule(
        "S-26",
        "A cadence of measures.",
        PART,
        "PHQ-9 and GAD-7 are asked by the link before the first dose of each week, and before the first "
        "visit a week, and 1, 3, 6 and 12 months, after the last dose; without a visit then nobody is asked. "
        "Of other measures staff enter the score.",
    ),
    Rule("S-27", "Long-term checks at reviews.", NOT_YET),
    Rule(
        "S-28", "A defined course and end (ASA guidance 2025).", PART, "Phases have a count or a review date."
    ),
    Rule("S-29", "Somebody who can rescue is there (ASA).", NOT_YET),
    Rule("S-30", "Hand-over between psychiatric clinician and infusion provider (AANA).", NOT_YET),
    Rule("S-31", "The FDA's warning of October 2023 about compounded ketamine is shown.", NOT_YET),
    Rule(
        "S-32",
        "Substance-use programmes are marked (42 CFR Part 2).",
        PART,
        "A course of such a protocol is marked, and its pages and its answer by REST say so (R-20). Who may "
        "see it is as with any other.",
    ),
    Rule("S-33", "Tele-prescribing is allowed until a date.", NOT_YET),
    Rule(
        "S-34",
        "A dose does not start without its follow-up (clinic's option).",
        PART,
        "Warned about at booking and flagged as the dose comes near. It cannot be made to block.",
    ),
    Rule(
        "S-35",
        "Say that replies are not watched; no crisis line in an SMS.",
        PART,
        "`crisis` is on the deny list; the patient's page says whom to call once the birth date is given. No "
        "reply is read yet.",
    ),
    Rule(
        "R-01",
        "Appointment reminders are treatment communications (HHS).",
        KEPT,
        "Sent without an authorisation, but never without a recorded consent (R-03, R-05).",
    ),
    Rule(
        "R-02",
        "Say no more than needed: practice, time, call-back (HIPAA).",
        KEPT,
        "Every template and every finished text, subject, sender and calendar title passes a deny list "
        "for each language.",
    ),
    Rule(
        "R-03",
        "Unencrypted channels after a warning (2013 Omnibus).",
        PART,
        "Each grant keeps when, by whom, and which warning was told: that of the patient's page, or the one "
        "beside the choice in the form for a new patient. One that lies in an address from a program or a "
        'file says "no warning told" in its source, and is written to all the same.',
    ),
    Rule(
        "R-04",
        "Requests for confidential communication (45 CFR 164.522).",
        KEPT,
        "`no_messages`, consent for each channel, and the addresses alone at which a patient asked to be "
        "written to, for each sort of message, with who wrote it down, when and what was said. Nothing goes "
        "to another one, whatever comes to be on file; where none is left, the front desk is asked to call.",
    ),
    Rule(
        "R-05",
        "Consent for a purpose (FCC 2015).",
        KEPT,
        "Giving a number or an address is recorded as consent to reminders, with its source, and each "
        "address keeps what it was given for: one from a file that says nothing is to call by, and nothing "
        "is sent there until the patient agrees to messages by that channel.",
    ),
    Rule(
        "R-06",
        "Conditions of the healthcare exemption (TCPA): 160 characters, 1 a day, 3 a week.",
        KEPT,
        "The length always; the caps where the practice relies on the exemption.",
    ),
    Rule(
        "R-07",
        "Revocation by any reasonable means, at once.",
        KEPT,
        "A word of the STOP family ends texts to the number at once, for everybody who has it; a sentence "
        "that may mean it goes to a person. Staff record what they are told; what the provider reports "
        "counts.",
    ),
    Rule(
        "R-08",
        "One confirmation of an opt-out, within minutes.",
        KEPT,
        "Within five minutes or none, at any hour; none where the provider has sent its own.",
    ),
    Rule(
        "R-09",
        "Revoke-all is deferred to 31 January 2027.",
        KEPT,
        "Until the day of the setting STOP ends messages of the sort that it answers, from then on all.",
    ),
    Rule(
        "R-10",
        "Quiet hours where the recipient is.",
        KEPT,
        "09:00 to 20:00 of the patient's own zone; deferred, or brought forward.",
    ),
    Rule(
        "R-11",
        "Opt-in, HELP and STOP (CTIA).",
        KEPT,
        "Each SMS says STOP; HELP, STOP and START are answered, by us or by the provider. Whoever agrees to "
        "texts, by the link or to staff, gets one that confirms it, once a number and consent; patients of a "
        "file or of a program get none.",
    ),
    Rule(
        "R-12",
        "10DLC: brand and campaign are registered; opt-in, HELP and STOP texts hold what carriers ask for.",
        KEPT,
        "No wording of a practice can lose what carriers ask for, and a page of the set-up has all that the "
        "registration asks for, to copy. Registering is the clinic's own, with its provider.",
    ),
    Rule(
        "R-13",
        "The providers' keyword sets.",
        KEPT,
        "Those of Twilio, Telnyx and AWS, and the usual Spanish ones; the provider's own flag outranks ours.",
    ),
    Rule(
        "R-14",
        "Signed webhooks of the provider.",
        KEPT,
        "Over the public address and every parameter; who does not sign changes nothing.",
    ),
    Rule(
        "R-15",
        "Message statuses merge in any order.",
        KEPT,
        "Reports are signed, come in any order and end in one state; one that proves a hand-over taken "
        "keeps it from going again.",
    ),
    Rule(
        "R-16",
        "A business associate agreement with the provider.",
        KEPT,
        "Where patients are served nothing goes to a provider that `MESSAGE_BAA_SIGNED` does not name: the "
        "deploy check fails and no worker starts. Signing is the clinic's own.",
    ),
    Rule(
        "R-17",
        "One-click unsubscribe (RFC 8058).",
        KEPT,
        "Each e-mail to a patient has both headers; a POST without signing in revokes the consent at once, "
        "looking changes nothing. The DKIM signature is the relay's.",
    ),
    Rule("R-18", "Nothing in subject lines.", KEPT, "Fixed subjects, linted with R-02."),
    Rule(
        "R-19",
        "A record of every message (NHS England).",
        KEPT,
        "Each row keeps what was sent, where and when; nothing deletes it.",
    ),
    Rule(
        "R-20",
        "Redisclosure notice (42 CFR Part 2).",
        PART,
        "A course of a protocol that says so is marked; the notice stands on its page and that of its "
        "messages, on paper too, and in its answer by REST. Not on lists of several patients, in feeds or "
        "webhooks, nor on what the patient gets: there it would tell what is treated.",
    ),
    Rule(
        "R-21",
        "Evidence is kept for years.",
        KEPT,
        "Consents, requests, messages, trail and row history are kept always; the log of reads for six "
        "years, and no shorter than the law asks (`LAW_RECORDS_KEPT_MONTHS`), which the deploy check and "
        "`migrate` ask. [One table](retention.md) has every kind of row, and what removes it.",
    ),
    Rule(
        "R-22",
        "Times and modality are not psychotherapy notes (45 CFR 164.501).",
        KEPT,
        "There is no field for content.",
    ),
    Rule("R-23", "The patient's language.", PART, "English and Spanish."),
)

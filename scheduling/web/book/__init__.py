"""Booking a course: who, what and from when, the proposals, and the page that the patient keeps."""

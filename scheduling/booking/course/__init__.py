"""A whole course: planned, tailored, booked, paused, reviewed and ended."""

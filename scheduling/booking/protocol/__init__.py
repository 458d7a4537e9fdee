"""The protocols of a practice, and what is missing before one can be booked."""

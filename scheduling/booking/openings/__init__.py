"""What is free: the day, the slots for a missing follow-up, and why a visit does not fit at a time."""

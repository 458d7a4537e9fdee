"""One visit: booked by itself, moved through its states, corrected, reinstated; and what follows from it."""

"""What patients answer to a message, and what follows from it."""

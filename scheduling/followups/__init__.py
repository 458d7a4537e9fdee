"""What is owed after a dose: which units there are, what counts for them, and what needs a person."""

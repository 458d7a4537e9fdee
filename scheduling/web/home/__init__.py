"""Where a day begins: the overview, and the way to a patient."""

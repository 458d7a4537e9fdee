"""Messages as people see them: what went, what did not and why, what will, what they did."""

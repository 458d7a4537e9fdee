"""Reading courses, visits and follow-up units as plain rows."""

"""What comes from elsewhere: courses under way, appointments from a file, and two records of one patient."""

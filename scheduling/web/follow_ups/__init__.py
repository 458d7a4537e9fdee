"""Follow-ups that are missing: the list of them, and booking one."""

"""Places that are kept for a while, and people who wait for one."""

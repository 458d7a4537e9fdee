"""What providers tell us, at addresses of their own: each verifies who speaks and makes one call."""

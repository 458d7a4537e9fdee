"""A site's day: the grid and what one does at a place of it, the roster, the board, the waitlist."""

"""Who may, one at a time, and by which rule."""

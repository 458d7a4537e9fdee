"""One course: its truth on a page, its drawings, and what may be done with the whole of it."""

"""The day grid: its geometry, its columns and blocks, and what one does at a place of it."""

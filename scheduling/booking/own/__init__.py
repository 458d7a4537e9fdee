"""What patients do with their own visits, by a link or in their calendar, as at the desk."""

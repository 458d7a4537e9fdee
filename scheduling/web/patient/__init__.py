"""What patients see and do by the link of a message, in their language."""

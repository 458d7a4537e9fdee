"""What a message says: built-in and own texts, placeholders, the calendar part."""

"""One visit: its page and steps, moving, cancelling and putting it right, and why a place does not fit."""

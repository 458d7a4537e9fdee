"""What every use case writes with: rows, seats, and the messages that they plan."""

"""The only writer of courses and appointments; one transaction a use case. Its rooms: ARCHITECTURE.md."""

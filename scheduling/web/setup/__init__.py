"""What a practice sets up: places, people, protocols, its own words; what is missing before it can book."""

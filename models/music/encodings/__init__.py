"""What a network sees of events."""

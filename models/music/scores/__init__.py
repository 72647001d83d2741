"""Music as written notes."""

"""Pictures of music."""

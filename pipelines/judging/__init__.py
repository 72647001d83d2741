"""What is measured of sets of music, one beside the other."""

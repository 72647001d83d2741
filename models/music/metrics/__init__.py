"""What is measured of music: metrics of a piece, and how far two sets of pieces are apart in them."""

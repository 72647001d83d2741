"""Music as data: notes, drum tracks, encodings. Neither TensorFlow nor Beam."""

"""A report of music on one page that needs no network: what it sounds and looks like, and what is measured of it."""

"""Tells what any file of the road is and what is in it: `kinds.inspect` finds out, `findings` and `charts` show it."""

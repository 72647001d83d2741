"""How much of one piece of music is in another: near-duplicates (`signatures.py`), and copied runs (`copies.py`)."""

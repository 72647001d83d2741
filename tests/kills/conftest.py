"""Makes the module of this folder importable by their name."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

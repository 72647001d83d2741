"""Makes the modules of this folder importable by their names, as in the commands that they make up."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

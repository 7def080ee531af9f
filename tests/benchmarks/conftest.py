"""The bench is a package of the tools' folder, which is no part of the product."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tools"))

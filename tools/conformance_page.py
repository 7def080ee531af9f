"""`make conformance`: the scenarios of the alliance's test cases, and what came of them in docs/conformance.md."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "conformance.md"

if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", "tests/conformance", "-q", "--conformance-report", str(PAGE)]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)

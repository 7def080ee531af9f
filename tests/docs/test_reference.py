"""The reference says what the code says: events, errors, words."""

import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"


def test_the_pages_of_events_and_errors_are_current() -> None:
    done = subprocess.run(
        [sys.executable, TOOLS / "reference_words.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

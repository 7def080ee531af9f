"""Every doubt that is raised is told in plain words, documented, and can be filtered by."""

import re
from pathlib import Path

import ingufu
from ingufu.billing.evidence.model import SignatureState
from ingufu.web.console.evidence import DOUBTS

SOURCES = Path(ingufu.__file__).parent
DOCS = SOURCES.parents[1] / "docs"


def raised():
    """Return every code in the sources; those of signatures are made of their state."""
    found = set()
    for path in (SOURCES / "billing" / "evidence").glob("*.py"):
        found.update(re.findall(r'code="([a-z-]+)"', path.read_text(encoding="utf-8")))
    states = set(SignatureState) - {SignatureState.NONE, SignatureState.VERIFIED}
    return found | {f"signature-{state.value}" for state in states}


def test_every_reason_has_its_words():
    template = (SOURCES / "web" / "console" / "templates" / "parts" / "evidence.html").read_text(encoding="utf-8")
    words = set(re.findall(r'"([a-z-]+)": _\(', template))
    assert len(raised()) > 25
    assert raised() - words == set()


def test_every_doubt_can_be_filtered_by_and_is_documented():
    page = (DOCS / "how-to" / "energy-truth.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z-]+)`", page))
    assert set(DOUBTS) <= raised()
    assert set(DOUBTS) - documented == set()
    never_doubts = {
        "signed-verified", "registers-complete", "readings-agree", "power-agrees", "from-readings", "small",
        "signed-clock-not-synchronised",
    }  # fmt: skip
    assert raised() - never_doubts == set(DOUBTS)

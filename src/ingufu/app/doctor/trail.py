"""The audit trail: whether it is whole."""

from collections.abc import Iterator

from ingufu.accounts.chain import Verification
from ingufu.app.doctor.findings import Finding, ok, problem


def check_trail(found: Verification) -> Iterator[Finding]:
    """Tell what a check of the audit trail found."""
    if found.is_whole:
        yield ok("audit trail", f"It is whole up to entry {found.head_number} ({found.entries} looked at).")
        return
    first = found.flaws[0].what
    more = f" And {len(found.flaws) - 1} more." if len(found.flaws) > 1 else ""
    yield problem(
        "audit trail",
        f"It is broken. {first}{more}",
        "Find out who had the database: see docs/how-to/audit.md. `ingufu admin audit verify` tells all of it.",
    )

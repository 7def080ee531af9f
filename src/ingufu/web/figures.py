"""What the web process counts of itself, for Prometheus."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from ingufu.accounts.chain import Verification
from ingufu.accounts.service import Accounts
from ingufu.infra.telemetry import Figure, exposition


def audit_figures(accounts: Accounts) -> tuple[Figure, ...]:
    """Return what the last check of the audit trail found; nothing is known before the first."""

    def read(of: Callable[[Verification], float]) -> Callable[[], float]:
        return lambda: 0.0 if accounts.verification is None else of(accounts.verification)

    return (
        Figure(
            "ingufu_audit_broken",
            "1 if the last check of the audit trail found it broken.",
            read(lambda found: float(not found.is_whole)),
        ),
        Figure(
            "ingufu_audit_entries",
            "Entries of the audit trail that the last check looked at.",
            read(lambda found: float(found.entries)),
        ),
        Figure(
            "ingufu_audit_checked_seconds",
            "When the audit trail was last checked, in seconds since 1970.",
            read(lambda found: found.checked_at.timestamp()),
        ),
    )


class Tally:
    """Counts answers by the class of their status, and the time they took."""

    def __init__(self) -> None:
        self.answers: defaultdict[str, float] = defaultdict(float)
        self.seconds = 0.0

    def count(self, status: int, seconds: float) -> None:
        """Count one answer."""
        self.answers[f"{status // 100}xx"] += 1
        self.seconds += seconds

    def render(self, count_listeners: Callable[[], int], more: Iterable[Figure] = ()) -> Callable[[], bytes]:
        """Return what renders the figures in Prometheus' text format, with `more` of them."""
        return exposition(
            (
                Figure(
                    "ingufu_web_requests",
                    "Requests answered, by the class of their status.",
                    lambda: dict(self.answers),
                    label="status",
                    counts_up=True,
                ),
                Figure(
                    "ingufu_web_request_seconds",
                    "Time until the answers to requests began.",
                    lambda: self.seconds,
                    counts_up=True,
                ),
                Figure("ingufu_web_live_listeners", "Open streams of live events.", count_listeners),
                *more,
            )
        )

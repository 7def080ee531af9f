"""What the web process counts of itself, for Prometheus."""

from collections import defaultdict
from collections.abc import Callable

from ingufu.infra.telemetry import Figure, exposition


class Tally:
    """Counts answers by the class of their status, and the time they took."""

    def __init__(self) -> None:
        self.answers: defaultdict[str, float] = defaultdict(float)
        self.seconds = 0.0

    def count(self, status: int, seconds: float) -> None:
        """Count one answer."""
        self.answers[f"{status // 100}xx"] += 1
        self.seconds += seconds

    def render(self, count_listeners: Callable[[], int]) -> Callable[[], bytes]:
        """Return what renders the figures in Prometheus' text format."""
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
            )
        )

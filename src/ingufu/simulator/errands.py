"""Errands that take a station a while and are reported step by step: uploads of logs, downloads of firmware."""

from collections.abc import Callable, Sequence

from ingufu.simulator.station import Station
from ingufu.simulator.timeline import Timer

Step = tuple[float, str]  # seconds after the step before, status

UPLOAD: Sequence[Step] = ((0.5, "Uploading"), (4.0, "Uploaded"))
UPLOAD_FAILED: Sequence[Step] = ((0.5, "Uploading"), (8.0, "UploadFailed"))
LOG_FAILED: Sequence[Step] = ((0.5, "Uploading"), (8.0, "UploadFailure"))
FIRMWARE: Sequence[Step] = ((1.0, "Downloading"), (10.0, "Downloaded"), (2.0, "Installing"))
FIRMWARE_FAILED: Sequence[Step] = ((1.0, "Downloading"), (10.0, "DownloadFailed"))
SIGNED_FIRMWARE: Sequence[Step] = (
    (1.0, "Downloading"),
    (10.0, "Downloaded"),
    (1.0, "SignatureVerified"),
    (2.0, "Installing"),
    (5.0, "InstallRebooting"),
)
BAD_SCHEMES = ("gopher:", "file:")


class Errand:
    """One kind of errand, of which at most one runs at a time."""

    __slots__ = ("_report", "_station", "_timer", "is_running", "last_status", "request_id")

    def __init__(self, station: Station, report: Callable[[str, int | None], None]) -> None:
        self._station = station
        self._report = report
        self._timer: Timer | None = None
        self.is_running = False
        self.last_status = "Idle"
        self.request_id: int | None = None

    def run(
        self,
        steps: Sequence[Step],
        *,
        request_id: int | None = None,
        wait_s: float = 0.0,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Go through the steps, each reported; `done` follows the last."""
        self.cancel()
        self.is_running = True
        self.request_id = request_id
        self._next(steps, 0, max(0.0, wait_s), done)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.is_running = False

    def say(self, status: str) -> None:
        """Report a status now."""
        self.last_status = status
        self._report(status, self.request_id)

    def repeat(self) -> None:
        """Report the last status of a running errand, or that there is none."""
        if self.is_running:
            self._report(self.last_status, self.request_id)
        else:
            self._report("Idle", None)

    def _next(self, steps: Sequence[Step], index: int, wait_s: float, done: Callable[[], None] | None) -> None:
        if index == len(steps):
            self._timer = None
            self.is_running = False
            if done is not None:
                done()
            return
        delay_s, status = steps[index]

        def step() -> None:
            self.say(status)
            self._next(steps, index + 1, 0.0, done)

        self._timer = self._station.later(wait_s + delay_s, step)


def fails(location: str) -> bool:
    """Return whether a transfer to or from there fails: schemes nobody speaks, and places named for failing."""
    return location.startswith(BAD_SCHEMES) or "://" not in location or "invalid" in location


def next_firmware(location: str, current: str) -> str:
    """Return the version that the file at `location` installs: the file's name, or one step up."""
    name = location.rstrip("/").rsplit("/", 1)[-1].split("?")[0]
    stem = name.rsplit(".", 1)[0] if name.rsplit(".", 1)[-1] in ("bin", "zip", "fw", "tar", "img") else name
    return (stem or f"{current}+1")[:50]

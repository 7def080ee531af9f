"""What a simulated 1.6 station keeps besides its EVSEs: configuration, certificates, errands under way."""

from typing import Any

from ingufu.simulator.access import Verdict
from ingufu.simulator.certificates import CertificateStore
from ingufu.simulator.errands import Errand
from ingufu.simulator.peer import Request
from ingufu.simulator.station import Station
from ingufu.simulator.v16.configuration import Configuration
from ingufu.simulator.wording import read_instant


class Memory:
    """A station's memory; what few stations ever need is made when first asked for."""

    __slots__ = (
        "_certificates",
        "_firmware_errand",
        "_log_errand",
        "configuration",
        "firmware_is_signed",
        "installed_after_boot",
        "log_is_diagnostics",
        "station",
    )

    def __init__(self, station: Station) -> None:
        self.station = station
        self.configuration = Configuration(station.spec)
        self.installed_after_boot = False
        self.firmware_is_signed = False
        self.log_is_diagnostics = False
        self._certificates: CertificateStore | None = None
        self._firmware_errand: Errand | None = None
        self._log_errand: Errand | None = None

    @property
    def certificates(self) -> CertificateStore:
        if self._certificates is None:
            self._certificates = CertificateStore()
        return self._certificates

    @property
    def firmware_errand(self) -> Errand:
        if self._firmware_errand is None:
            self._firmware_errand = Errand(self.station, self._tell_firmware)
        return self._firmware_errand

    @property
    def log_errand(self) -> Errand:
        if self._log_errand is None:
            self._log_errand = Errand(self.station, self._tell_log)
        return self._log_errand

    def _tell_firmware(self, status: str, request_id: int | None) -> None:
        action = "SignedFirmwareStatusNotification" if self.firmware_is_signed else "FirmwareStatusNotification"
        self._tell(action, status, request_id if self.firmware_is_signed else None)

    def _tell_log(self, status: str, request_id: int | None) -> None:
        action = "DiagnosticsStatusNotification" if self.log_is_diagnostics else "LogStatusNotification"
        self._tell(action, status, None if self.log_is_diagnostics else request_id)

    def _tell(self, action: str, status: str, request_id: int | None) -> None:
        payload: dict[str, Any] = {"status": status}
        if request_id is not None:
            payload["requestId"] = request_id
        self.station.peer.request(Request(action, payload))


def verdict(info: object) -> Verdict | None:
    """Read an idTagInfo; None if it is not there or says nothing."""
    if not isinstance(info, dict) or "status" not in info:
        return None
    return Verdict(
        status=str(info["status"]), group=info.get("parentIdTag"), expires_at=read_instant(info.get("expiryDate"))
    )

"""What a simulated 2.x station keeps besides its EVSEs: device model, certificates, monitors, messages, errands."""

from typing import Any

from ingufu.simulator.access import Token, Verdict
from ingufu.simulator.certificates import CertificateStore
from ingufu.simulator.errands import Errand
from ingufu.simulator.peer import Lane, Payload, Request
from ingufu.simulator.station import Station
from ingufu.simulator.v2.device_model import DeviceModel
from ingufu.simulator.wording import read_instant


class Memory:
    """A station's memory; what few stations ever need is made when first asked for."""

    __slots__ = (
        "_certificates",
        "_firmware_errand",
        "_log_errand",
        "device_model",
        "installed_after_boot",
        "messages",
        "monitors",
        "network_profiles",
        "station",
        "streams",
        "tariffs",
    )

    def __init__(self, station: Station) -> None:
        self.station = station
        self.device_model = DeviceModel(station)
        self.installed_after_boot: int | None = None  # the request that has to be told once booted
        self.monitors: dict[int, Payload] = {}  # by id
        self.streams: dict[int, Any] = {}  # of values, by their monitor; `streams` knows what they are
        self.messages: dict[int, Payload] = {}  # display messages by id
        self.tariffs: dict[int, Payload] = {}  # default tariffs by EVSE, 2.1
        self.network_profiles: dict[int, Payload] = {}  # by slot, as sent by the CSMS
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
            self._firmware_errand = Errand(
                self.station, lambda status, request_id: self._tell("FirmwareStatusNotification", status, request_id)
            )
        return self._firmware_errand

    @property
    def log_errand(self) -> Errand:
        if self._log_errand is None:
            self._log_errand = Errand(
                self.station, lambda status, request_id: self._tell("LogStatusNotification", status, request_id)
            )
        return self._log_errand

    def say(self, action: str, payload: Payload) -> None:
        """Send a CALL in its turn; answers to what was asked for may go before the station is accepted."""
        self.station.peer.request(Request(action, payload, Lane.URGENT))

    def _tell(self, action: str, status: str, request_id: int | None) -> None:
        payload: dict[str, Any] = {"status": status}
        if request_id is not None:
            payload["requestId"] = request_id
        self.say(action, payload)


def verdict(info: object) -> Verdict | None:
    """Read an idTokenInfo; None if it is not there or says nothing."""
    if not isinstance(info, dict) or "status" not in info:
        return None
    group = info.get("groupIdToken")
    return Verdict(
        status=str(info["status"]),
        group=str(group.get("idToken")) if isinstance(group, dict) else None,
        expires_at=read_instant(info.get("cacheExpiryDateTime")),
    )


def token(wire: Payload) -> Token:
    """Read an idToken."""
    return Token(str(wire["idToken"]), str(wire["type"]))


def wire_token(of: Token) -> Payload:
    """Write an idToken."""
    return {"idToken": of.value, "type": of.kind}

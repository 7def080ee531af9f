"""What a simulated 2.0.1 or 2.1 station says by itself: boot, status, authorization, events, readings."""

from collections.abc import Callable

from ingufu.simulator import flow, wording
from ingufu.simulator.access import Token, Verdict
from ingufu.simulator.dialect import Answer, Settings
from ingufu.simulator.evse import Change, Context, Evse, Reservation
from ingufu.simulator.meter import Reading
from ingufu.simulator.peer import Failure, Lane, Payload, Request, Spelling
from ingufu.simulator.station import Station
from ingufu.simulator.v2.answers import answer
from ingufu.simulator.v2.device_model import component, connector_status
from ingufu.simulator.v2.events import TransactionEvents
from ingufu.simulator.v2.memory import Memory, verdict, wire_token

SPELLING = Spelling("FormatViolation", "-1")


class V2:
    """OCPP 2.0.1 or 2.1 for one station."""

    __slots__ = ("_event_id", "_events", "_memory", "_station")

    def __init__(self, station: Station) -> None:
        self._station = station
        self._memory = Memory(station)
        self._events = TransactionEvents(self._memory)
        self._event_id = 0

    def settings(self) -> Settings:
        return self._memory.device_model.settings()

    def boot(self, reason: str) -> tuple[str, Payload]:
        spec, manner = self._station.spec, self._station.spec.manner
        station: Payload = {
            "serialNumber": spec.serial,
            "model": spec.model[:20],
            "vendorName": manner.vendor[:50],
            "firmwareVersion": self._station.firmware,
        }
        if manner.has_modem:
            station["modem"] = {"iccid": str(int.from_bytes(wording.digest(spec.serial, "iccid")))[:19]}
        return "BootNotification", {"chargingStation": station, "reason": reason}

    def accepted(self, heartbeat_s: float) -> None:
        self._memory.device_model.put("OCPPCommCtrlr", "HeartbeatInterval", f"{heartbeat_s:.0f}")
        if self._station.spec.manner.reports_station_status and not self._station.spec.manner.status_by_event:
            self._say_status(0, 0, "Available", Lane.ORDINARY)
        for evse in self._station.evses:
            evse.reported_status = None
            self.report_status(evse)
        flow.restart_aligned(self._station)
        request_id, self._memory.installed_after_boot = self._memory.installed_after_boot, None
        if request_id is not None:
            self._memory.firmware_errand.request_id = request_id
            self._memory.firmware_errand.say("Installed")

    def resumed(self) -> None:
        threshold_s = float(self._memory.device_model.value("OCPPCommCtrlr", "OfflineThreshold"))
        for evse in self._station.evses:
            if self._station.offline_s > threshold_s:
                evse.reported_status = None  # after a long time everything is told anew (B04)
            self.report_status(evse)

    def authorize(self, token: Token, then: Callable[[Verdict | None], None]) -> None:
        def answered(payload: Payload) -> None:
            said = verdict(payload.get("idTokenInfo"))
            if said is not None:
                self._station.access.remember(token, said)
            then(said)

        def failed(failure: Failure) -> None:
            then(None if failure.code in ("Offline", "Timeout") else Verdict(status="Invalid"))

        payload = {"idToken": wire_token(token)}
        self._station.peer.request(Request("Authorize", payload, succeeded=answered, failed=failed))

    def changed(self, evse: Evse, change: Change) -> None:
        self._events.changed(evse, change)

    def sampled(self, evse: Evse, reading: Reading, context: Context) -> None:
        if evse.transaction is not None and context is not Context.TRIGGER:
            self._events.sampled(evse, reading, context)
            return
        settings = self.settings()
        measurands = settings.aligned_measurands if context is Context.CLOCK else settings.measurands
        value = self._events.meter_value(reading, measurands, context)
        if value is not None:
            lane = Lane.URGENT if context is Context.TRIGGER else Lane.ORDINARY
            payload = {"evseId": evse.number, "meterValue": [value]}
            self._station.peer.request(Request("MeterValues", payload, lane))

    def report_status(self, evse: Evse, *, is_asked: bool = False) -> None:
        status = connector_status(self._station, evse.number)
        if not is_asked and (status == evse.reported_status or not self._station.is_online):
            return
        evse.reported_status = status
        lane = Lane.URGENT if is_asked else Lane.ORDINARY
        if self._station.spec.manner.status_by_event and not is_asked:
            self._say_event(evse, status)
        else:
            self._say_status(evse.number, 1, status, lane)

    def reservation_expired(self, evse: Evse, reservation: Reservation) -> None:  # noqa: ARG002 - told by its id alone
        payload = {"reservationId": reservation.reservation_id, "reservationUpdateStatus": "Expired"}
        self._station.peer.request(Request("ReservationStatusUpdate", payload))

    def security_event(self, kind: str, info: str) -> None:
        payload = {"type": kind, "timestamp": self._station.stamp(), "techInfo": info[:255]}
        self._station.peer.request(Request("SecurityEventNotification", payload))

    def answer(self, action: str, payload: Payload) -> Answer:
        return answer(self._memory, self._events, action, payload)

    def _say_status(self, evse: int, connector: int, status: str, lane: Lane) -> None:
        payload = {
            "timestamp": self._station.stamp(),
            "connectorStatus": status,
            "evseId": evse,
            "connectorId": connector,
        }
        self._station.peer.request(Request("StatusNotification", payload, lane))

    def _say_event(self, evse: Evse, status: str) -> None:
        self._event_id += 1
        at = self._station.stamp()
        event: Payload = {
            "eventId": self._event_id,
            "timestamp": at,
            "trigger": "Delta",
            "actualValue": status,
            "component": component(("Connector", None, evse.number, 1)),
            "eventNotificationType": "HardWiredNotification",
            "variable": {"name": "AvailabilityState"},
        }
        if evse.fault is not None:
            event["techCode"] = evse.fault[:50]
            event["techInfo"] = evse.fault_info[:500] or evse.fault
        payload = {"generatedAt": at, "tbc": False, "seqNo": 0, "eventData": [event]}
        self._station.peer.request(Request("NotifyEvent", payload))

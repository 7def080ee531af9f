"""One station's conversation: judges each request, runs its handler in a unit of work, and says what to answer."""

from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog

from ingufu.core.errors import Conflict, Forbidden, IngufuError, Unavailable
from ingufu.infra.secrets import redact
from ingufu.ocpp import completion, errors, quirk_signs, wire
from ingufu.ocpp.completion import Reading
from ingufu.ocpp.errors import ErrorCode
from ingufu.ocpp.notices import CONTENT_LIMIT
from ingufu.ocpp.payload import Payload
from ingufu.ocpp.phases import PHASES, allowed_by
from ingufu.ocpp.quirks import Coping
from ingufu.ocpp.rpc_messages import Call, Send
from ingufu.ocpp.table import CallContext, Inbound, InboundTable, Loss, Phase, QuickStep
from ingufu.ocpp.wire import WireError
from ingufu.services import Services
from ingufu.stations.events import NoticeReceived
from ingufu.stations.model import Station

TRIES = 6  # of one message whose rows someone else changed meanwhile

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Replied:
    """The payload of the CALLRESULT, durable already."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is a CALLERROR instead."""

    code: ErrorCode
    description: str
    ends_connection: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nothing could be written: silence, so that the station keeps its message and sends it again."""


Reply = Replied | Refused | Unanswered

_BROKEN = Refused(ErrorCode.INTERNAL, "Something failed here; nothing was changed.")
_STATUS_REPORTS = frozenset({"StatusNotification", "NotifyEvent"})


class Session:
    """What holds for a station from its connection to the next: who it is, its version, how far its boot came."""

    def __init__(
        self,
        station: Station,
        version: wire.Version,
        table: InboundTable,
        known_actions: frozenset[str],
        services: Services,
        *,
        certificate_name: str | None = None,
    ) -> None:
        self.station = station
        self.version: wire.Version = version
        self.phase = PHASES[station.boot_status]
        self.has_reported_status = False
        self.has_restarted = False  # as its last boot on this connection says
        self.coping: Coping | None = None  # what is done about its quirks; nothing for most
        self._table = table
        self._known_actions = known_actions
        self._services = services
        self._certificate_name = certificate_name
        self._may_send: set[str] = set()

    def note_request(self, action: str, payload: bytes) -> None:
        """Remember that we asked for something that a pending station may therefore send."""
        allowed = allowed_by(action, payload)
        if allowed is not None:
            self._may_send.add(allowed)

    def quick(self, call: Call, at: datetime) -> QuickStep | None:
        """Return a call ready to be written the short way, to be answered with nothing; None if `answer` has to see it.

        That is for what comes most: in order, by the schema, from a station in good standing.
        """
        row = self._table.get(call.action)
        if row is None or row.quick is None or self.coping is not None:
            return None
        if self.station.is_strict or not self._is_allowed(call.action, row):
            return None
        try:
            payload, repairs = wire.decode_lenient(row.request, call.payload)
        except WireError:
            return None
        return None if repairs else row.quick(self._services, self.station.id, payload, at)

    async def answer(self, message: Call | Send) -> Reply:
        """Return what the station is to hear. Whatever it hears as accepted is durable when this returns."""
        row = self._table.get(message.action)
        if row is None:
            code = ErrorCode.UNSUPPORTED_ACTION if message.action in self._known_actions else ErrorCode.UNKNOWN_ACTION
            return Refused(code, f"{message.action[:50]} is nothing that a station asks of us.")
        if not self._is_allowed(message.action, row):
            return Refused(ErrorCode.SECURITY, "Send BootNotification and wait to be accepted.")
        try:
            return await self._answer(row, message)
        except Exception:
            log.exception("ocpp.handler_failed", action=message.action, message_id=message.message_id[:36])
            self._forget()
            return _BROKEN

    async def _answer(self, row: Inbound, message: Call | Send) -> Reply:
        try:
            reading = await self._read(row, message)
        except WireError as error:
            log.info("ocpp.unreadable_payload", action=message.action, error=str(error))
            return await self._unreadable(row, message, error)
        except Unavailable as error:
            log.warning("ocpp.storage_unavailable", action=message.action, error=str(error))
            return self._failed(row)
        if reading.repairs or reading.gaps or message.notes:
            self._note_signs(message, reading)
        return await self._handle(row, message.action, reading)

    def _note_signs(self, message: Call | Send, reading: Reading) -> None:
        for number in quirk_signs.find_signs(message.action, reading.repairs, reading.gaps, message.notes):
            self._services.stations.quirks.met(self.station.id, number)

    async def _read(self, row: Inbound, message: Call | Send) -> Reading:
        if self.coping is not None:
            bound = await self.coping.bind(message.action, message.payload, self._services.charging, self.station.id)
            mended = self.coping.mend(message.action, bound, self._services.clock.now())
            message = msgspec.structs.replace(message, payload=mended)
        if self.station.is_strict:
            fault = wire.check(row.request, message.payload, self.version)
            if fault is not None:
                raise fault
            return Reading(wire.decode(row.request, message.payload))
        try:
            return Reading(*wire.decode_lenient(row.request, message.payload))
        except WireError as error:
            return completion.complete(row, message.payload, error, self._services.clock.now())

    async def _unreadable(self, row: Inbound, message: Call | Send, error: WireError) -> Reply:
        """Say what is wrong; readings that cannot be read are kept on record and acknowledged, as no retry helps."""
        if row.unreadable is None or self.station.is_strict:
            return Refused(errors.of_wire_kind(error.kind.name), str(error)[:255])
        context = self._context(None)
        context.work.emit(
            NoticeReceived(
                occurred_at=context.received_at,
                station_id=self.station.id,
                action=message.action,
                content=f"Unreadable ({error}): {redact(bytes(message.payload).decode())[:CONTENT_LIMIT]}",
            )
        )
        try:
            await context.work.commit()
        except IngufuError as failure:
            log.warning("ocpp.storage_unavailable", action=message.action, error=str(failure))
            return self._failed(row)
        return Replied(wire.encode(row.unreadable))

    def _is_allowed(self, action: str, row: Inbound) -> bool:
        """Judge by phase (2.x B01.FR.10, B02.FR.09, B03.FR.08; 1.6 4.2).

        A station that never booted here has most often been accepted by a predecessor of ours: unless it is held
        to the letter, what it says of its transactions is kept rather than lost.
        """
        if row.may_precede_boot or self.phase is Phase.ACCEPTED:
            return True
        if self.phase is Phase.NEW:
            return not self.station.is_strict
        return self.phase is Phase.PENDING and action in self._may_send

    async def _handle(self, row: Inbound, action: str, reading: Reading) -> Reply:
        reason = ""
        for _ in range(TRIES):
            context = self._context(reading)
            try:
                response = await row.handler(context, reading.payload)
                await context.work.commit()
            except Conflict as conflict:
                reason = conflict.message
                self._forget()
                continue
            except Unavailable as error:
                log.warning("ocpp.storage_unavailable", action=action, error=str(error))
                self._forget()
                return self._failed(row)
            except Forbidden as error:
                return Refused(ErrorCode.SECURITY, error.message[:255], ends_connection=True)
            except IngufuError as error:
                if row.loss is Loss.MONEY:
                    raise  # what a station says of its transactions is never refused for being odd: this is a bug
                return Refused(errors.of_exception(error), error.message[:255])
            return self._replied(context, action, response)
        log.error("ocpp.gave_up", action=action, tries=TRIES, reason=reason)
        return self._failed(row)

    def _context(self, reading: Reading | None) -> CallContext:
        return CallContext(
            station=self.station,
            version=self.version,
            work=self._services.database.work(),
            services=self._services,
            received_at=self._services.clock.now(),
            certificate_name=self._certificate_name,
            repairs=() if reading is None else reading.repairs,
            gaps=() if reading is None else reading.gaps,
            coping=self.coping,
            was_asked_to_boot="BootNotification" in self._may_send,
        )

    def _replied(self, context: CallContext, action: str, response: Payload | None) -> Replied:
        if context.phase is not None:
            self.phase = context.phase
            self.station = msgspec.structs.replace(self.station, **(context.told or {}))
            self.has_restarted = context.has_restarted
            self._may_send.clear()
        if action in _STATUS_REPORTS:
            self.has_reported_status = True
        payload = b"{}" if response is None else wire.encode(response)
        return Replied(payload if self.coping is None else self.coping.mend_reply(payload))

    @staticmethod
    def _failed(row: Inbound) -> Reply:
        """Return what a station hears when its message could not be written."""
        return Unanswered() if row.loss is Loss.MONEY else _BROKEN

    def _forget(self) -> None:
        """Drop what memory holds of the station, as it may no longer be what is stored."""
        self._services.charging.forget(self.station.id)
        self._services.stations.forget(self.station.id)

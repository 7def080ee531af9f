"""One station's conversation without sockets: what it may say when, and what it hears when something fails."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingufu.app.compose import services_of
from ingufu.app.settings import Settings
from ingufu.core.clock import FrozenClock
from ingufu.core.errors import Conflict, Forbidden, InvalidInput, Unavailable
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.ocpp import session as sessions
from ingufu.ocpp.errors import ErrorCode
from ingufu.ocpp.rpc_messages import Call
from ingufu.ocpp.session import Refused, Replied, Session, Unanswered
from ingufu.ocpp.table import CallContext, Inbound, Loss, Phase
from ingufu.ocpp.v16 import types
from ingufu.ocpp.versions import VERSIONS
from ingufu.services import Services
from ingufu.stations.model import BootAnswer, Station

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

START = b'{"connectorId":1,"idTag":"A","meterStart":1,"timestamp":"2026-03-01T12:00:00Z"}'


@pytest.fixture
def services(database: Database, clock: FrozenClock, ids: IdMaker, tmp_path: Path) -> Services:
    return services_of(Settings(data=str(tmp_path)), database, clock, ids)


@pytest.fixture
async def station(services: Services) -> Station:
    async with services.database.work() as work:
        return await services.stations.create(work, "CS")


def session(services: Services, station: Station, version: str = "1.6", **rows: Inbound) -> Session:
    """Return a session whose table has these rows in the place of the version's own."""
    known = VERSIONS[version]
    return Session(station, known.name, {**known.inbound, **rows}, known.actions, services)


def call(action: str, payload: bytes = b"{}") -> Call:
    return Call(message_id="1", id_token=b'"1"', action=action, payload=msgspec.Raw(payload), received_at=0.0)


class Handler:
    """Raises one thing after the other, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.contexts: list[CallContext] = []

    async def __call__(self, context: CallContext, request: Any) -> types.HeartbeatResponse:
        self.contexts.append(context)
        if self.failures:
            raise self.failures.pop(0)
        return types.HeartbeatResponse(current_time=datetime(2026, 3, 1, tzinfo=UTC))


def row(handler: Handler, loss: Loss = Loss.NOTHING) -> Inbound:
    return Inbound(types.HeartbeatRequest, handler, loss)


@pytest.mark.parametrize(
    ("failure", "loss", "expected"),
    [
        (RuntimeError("a bug"), Loss.NOTHING, ErrorCode.INTERNAL),
        (RuntimeError("a bug"), Loss.MONEY, ErrorCode.INTERNAL),
        (InvalidInput("too large"), Loss.NOTHING, ErrorCode.WRONG_VALUE),
        (InvalidInput("too large"), Loss.MONEY, ErrorCode.INTERNAL),
        (Unavailable("no disk"), Loss.NOTHING, ErrorCode.INTERNAL),
        (Unavailable("no disk"), Loss.MONEY, None),
        (Forbidden("not you"), Loss.NOTHING, ErrorCode.SECURITY),
    ],
)
async def test_a_failure_is_answered_by_its_meaning_and_by_what_is_at_stake(
    services: Services, station: Station, failure: Exception, loss: Loss, expected: ErrorCode | None
):
    handler = Handler(failure)
    talk = session(services, station, Heartbeat=row(handler, loss))
    reply = await talk.answer(call("Heartbeat"))
    if expected is None:
        assert isinstance(reply, Unanswered)
    else:
        assert isinstance(reply, Refused)
        assert reply.code is expected
        assert reply.ends_connection is isinstance(failure, Forbidden)
        assert "bug" not in reply.description
    assert isinstance(await talk.answer(call("Heartbeat")), Replied)


async def test_a_conflict_is_handled_again_in_a_fresh_unit_of_work(services: Services, station: Station):
    handler = Handler(Conflict("someone was faster"))
    reply = await session(services, station, Heartbeat=row(handler)).answer(call("Heartbeat"))
    assert isinstance(reply, Replied)
    first, second = handler.contexts
    assert first.work is not second.work


@pytest.mark.parametrize(("loss", "kind"), [(Loss.NOTHING, Refused), (Loss.MONEY, Unanswered)])
async def test_conflicts_are_given_up_after_a_few(services: Services, station: Station, loss: Loss, kind: type):
    handler = Handler(*(Conflict("someone was faster") for _ in range(99)))
    reply = await session(services, station, Heartbeat=row(handler, loss)).answer(call("Heartbeat"))
    assert isinstance(reply, kind)
    assert len(handler.contexts) == sessions.TRIES


@pytest.mark.parametrize(
    ("before", "phase"),
    [
        (None, Phase.NEW),
        (BootAnswer.ACCEPTED, Phase.ACCEPTED),
        (BootAnswer.PENDING, Phase.PENDING),
        (BootAnswer.REJECTED, Phase.REJECTED),
    ],
)
async def test_a_session_begins_where_the_last_boot_left_the_station(
    services: Services, station: Station, before: BootAnswer | None, phase: Phase
):
    assert session(services, msgspec.structs.replace(station, boot_status=before)).phase is phase


REQUESTED = {
    "1.6": {
        ("TriggerMessage", b'{"requestedMessage":"Heartbeat"}'): "Heartbeat",
        ("TriggerMessage", b'{"requestedMessage":"MeterValues","connectorId":1}'): "MeterValues",
        ("ExtendedTriggerMessage", b'{"requestedMessage":"SignChargePointCertificate"}'): "SignCertificate",
        ("ExtendedTriggerMessage", b'{"requestedMessage":"LogStatusNotification"}'): "LogStatusNotification",
        ("GetDiagnostics", b'{"location":"ftp://x"}'): "DiagnosticsStatusNotification",
        ("GetLog", b"{}"): "LogStatusNotification",
        ("UpdateFirmware", b"{}"): "FirmwareStatusNotification",
        ("SignedUpdateFirmware", b"{}"): "SignedFirmwareStatusNotification",
    },
    "2.1": {
        ("TriggerMessage", b'{"requestedMessage":"StatusNotification"}'): "StatusNotification",
        ("TriggerMessage", b'{"requestedMessage":"TransactionEvent"}'): "TransactionEvent",
        ("TriggerMessage", b'{"requestedMessage":"SignV2G20Certificate"}'): "SignCertificate",
        ("GetBaseReport", b"{}"): "NotifyReport",
        ("GetReport", b"{}"): "NotifyReport",
        ("GetMonitoringReport", b"{}"): "NotifyMonitoringReport",
        ("GetDisplayMessages", b"{}"): "NotifyDisplayMessages",
        ("CustomerInformation", b"{}"): "NotifyCustomerInformation",
        ("GetChargingProfiles", b"{}"): "ReportChargingProfiles",
        ("PublishFirmware", b"{}"): "PublishFirmwareStatusNotification",
        ("GetDERControl", b"{}"): "ReportDERControl",
    },
}
ASKED = [(version, *asked, allowed) for version, table in REQUESTED.items() for asked, allowed in table.items()]


@pytest.mark.parametrize(("version", "action", "payload", "allowed"), ASKED)
async def test_what_we_ask_for_a_pending_station_may_send(
    services: Services, station: Station, version: str, action: str, payload: bytes, allowed: str
):
    pending = msgspec.structs.replace(station, boot_status=BootAnswer.PENDING)
    talk = session(services, pending, version)
    others = set(VERSIONS[version].inbound) - {allowed, "BootNotification"}
    before = await talk.answer(call(allowed))
    talk.note_request(action, payload)
    after = await talk.answer(call(allowed))
    assert isinstance(before, Refused)
    assert before.code is ErrorCode.SECURITY
    assert not isinstance(after, Refused) or after.code is not ErrorCode.SECURITY
    for other in others:
        reply = await talk.answer(call(other))
        assert isinstance(reply, Refused)
        assert reply.code is ErrorCode.SECURITY


@pytest.mark.parametrize("payload", [b"{", b"[]", b"7", b'{"requestedMessage":["Heartbeat"]}', b"{}"])
async def test_a_request_that_names_nothing_allows_nothing(services: Services, station: Station, payload: bytes):
    pending = msgspec.structs.replace(station, boot_status=BootAnswer.PENDING)
    talk = session(services, pending)
    talk.note_request("TriggerMessage", payload)
    reply = await talk.answer(call("Heartbeat"))
    assert isinstance(reply, Refused)
    assert reply.code is ErrorCode.SECURITY


async def test_actions_are_told_apart_into_unknown_and_not_for_us(services: Services, station: Station):
    talk = session(services, station)
    for action, code in (("Nonsense", ErrorCode.UNKNOWN_ACTION), ("Reset", ErrorCode.UNSUPPORTED_ACTION)):
        reply = await talk.answer(call(action))
        assert isinstance(reply, Refused)
        assert reply.code is code


async def test_a_reply_is_given_when_its_rows_can_be_read_by_everyone(services: Services, station: Station):
    reply = await session(services, station).answer(call("StartTransaction", START))
    assert isinstance(reply, Replied)
    number = msgspec.json.decode(reply.payload)["transactionId"]
    found = await services.charging.find(station.id, str(number))
    assert found is not None
    assert found.is_open

"""Commands to stations from a process that holds no sockets, over a real bus."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingufu.core import admission, commands, configuration, control, costs, errors
from ingufu.core.commands import Availability, Outcome, RawReply, ReplyKind, ResetKind, Trigger
from ingufu.infra import remote_link
from ingufu.infra.bus.dialled import DialledBus
from ingufu.infra.bus.hub import HubBus
from ingufu.infra.remote_link import RemoteLink
from ingufu.ocpp.faults import Kind, WireError


class HeldSockets:
    """Plays the gateway: remembers what it is asked, and answers or raises as told."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answer: Any = Outcome(status="Accepted", is_accepted=True)

    async def call(self, station_id, command, *, timeout_s=commands.CALL_TIMEOUT_S):
        return self._answer("call", station_id, command, timeout_s)

    async def call_raw(
        self, station_id, action, payload, *, validate=True, timeout_s=commands.CALL_TIMEOUT_S, message_id=None
    ):
        return self._answer("raw", station_id, action, payload, validate, timeout_s, message_id)

    async def disconnect(self, station_id, reason):
        return self._answer("disconnect", station_id, reason)

    async def reload(self, station_id):
        self._answer("reload", station_id)

    def _answer(self, *asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubBus]:
    hub = HubBus(tmp_path / "bus.sock")
    await hub.open()
    yield hub
    await hub.close()


@pytest.fixture
def sockets(hub: HubBus) -> HeldSockets:
    held = HeldSockets()
    remote_link.serve(hub, held)
    return held


AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def link(sockets: HeldSockets, tmp_path: Path) -> AsyncIterator[RemoteLink]:
    bus = DialledBus(tmp_path / "bus.sock")
    await bus.open()
    yield RemoteLink(bus)
    await bus.close()


@pytest.mark.parametrize(
    "command",
    [
        commands.StartCharging(token="ÄÖ 04:A2", token_kind="iso", evse=None, remote_start_id=2**31 - 1),
        commands.StopCharging(reference="123"),
        commands.ResetStation(kind=ResetKind.ON_IDLE, evse=2),
        commands.UnlockConnector(evse=1, connector=2),
        commands.ChangeAvailability(availability=Availability.INOPERATIVE),
        commands.TriggerMessage(trigger=Trigger.METER_VALUES, evse=1),
        costs.TellCost(reference="123", cost=Decimal("4130.500"), currency="KWD", at=AT, register_wh=Decimal("1.25")),
    ],
    ids=lambda command: type(command).__name__,
)
async def test_every_command_arrives_as_it_was_given_and_its_outcome_comes_back(command, link, sockets):
    sockets.answer = Outcome(status="Scheduled", is_accepted=True, details={"transactionId": "a", "n": [1, None]})
    assert await link.call("station-1", command, timeout_s=7.5) == sockets.answer
    assert sockets.asked == [("call", "station-1", command, 7.5)]


def test_every_command_there_is_can_be_sent_from_afar():
    kinds = {
        kind.__name__
        for module in (admission, commands, configuration, control, costs)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, commands.Command) and kind is not commands.Command
    }
    assert set(remote_link._COMMANDS) == kinds


async def test_a_raw_call_carries_payload_and_answer_byte_by_byte(link, sockets):
    answer = b'{ "a" : 1.10,\n "a": 12345678901234567890, "b":"\\u00e9\xc3\xa9" }'
    sockets.answer = RawReply(kind=ReplyKind.RESULT, message_id="m1", payload=msgspec.Raw(answer), duration_s=0.25)
    payload = b'{"z": 1,\t"a":  [ ], "x": 1e400'
    reply = await link.call_raw("s", "DataTransfer", payload, validate=False, timeout_s=3, message_id="m1")
    assert bytes(reply.payload) == answer
    assert (reply.kind, reply.message_id, reply.duration_s) == (ReplyKind.RESULT, "m1", 0.25)
    assert sockets.asked == [("raw", "s", "DataTransfer", payload, False, 3, "m1")]


async def test_every_kind_of_raw_reply_comes_back(link, sockets):
    for reply in (
        RawReply(kind=ReplyKind.OFFLINE),
        RawReply(kind=ReplyKind.TIMEOUT, message_id="m", duration_s=30.0),
        RawReply(
            kind=ReplyKind.ERROR,
            message_id="m",
            error_code="NotSupported",
            error_description="no",
            error_details=msgspec.Raw(b'{"a":1}'),
        ),
    ):
        sockets.answer = reply
        assert await link.call_raw("s", "Reset", b"{}") == reply


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (errors.StationOffline(), errors.StationOffline),
        (errors.StationTimeout("It slept."), errors.StationTimeout),
        (errors.StationUnsupported("1.6 cannot."), errors.StationUnsupported),
        (errors.StationUnavailable("Unreadable."), errors.StationUnavailable),
        (errors.NotFound("No such station."), errors.NotFound),
        (errors.Conflict("Twice."), errors.Conflict),
        (errors.Unavailable("Disk full."), errors.Unavailable),
        (errors.PartnerFailed("Odd."), errors.Unavailable),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
async def test_errors_keep_kind_and_sentence_over_the_bus(raised, expected, link, sockets):
    sockets.answer = raised
    with pytest.raises(errors.IngufuError) as caught:
        await link.call("s", commands.StopCharging(reference="1"))
    assert type(caught.value) is expected
    assert caught.value.message == raised.message


async def test_a_payload_of_the_wrong_shape_is_invalid_input_that_names_its_place(link, sockets):
    sockets.answer = WireError(Kind.VALUE, "evse.id", "must be at least 0")
    with pytest.raises(errors.InvalidInput) as caught:
        await link.call_raw("s", "Reset", b"{}")
    assert caught.value.field == "evse.id"
    assert "must be at least 0" in caught.value.message


async def test_a_bug_at_the_holder_is_unavailable_and_tells_nothing_of_its_inside(link, sockets):
    sockets.answer = KeyError("password=123")
    with pytest.raises(errors.Unavailable) as caught:
        await link.call("s", commands.StopCharging(reference="1"))
    assert "123" not in caught.value.message


async def test_disconnect_and_reload_reach_the_station(link, sockets):
    sockets.answer = True
    assert await link.disconnect("s", "maintenance") is True
    sockets.answer = False
    assert await link.disconnect("s", "maintenance") is False
    await link.reload("s")
    assert sockets.asked[0] == ("disconnect", "s", "maintenance")
    assert sockets.asked[-1] == ("reload", "s")


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (remote_link.Ask(do="dance", station_id="s"), "Nobody here can dance."),
        (remote_link.Ask(do="call", station_id="s", name="FormatDisk", body=b"{}"), "knows the command FormatDisk"),
    ],
)
async def test_what_nobody_knows_is_refused(ask, reason, link, sockets):
    with pytest.raises(errors.InvalidInput, match=reason):
        await link._ask(ask)
    assert sockets.asked == []


async def test_without_the_holder_a_command_fails_at_once(tmp_path):
    bus = DialledBus(tmp_path / "none.sock")
    await bus.open(wait_s=0.01)
    link = RemoteLink(bus)
    async with asyncio.timeout(5):
        for asking in (
            link.call("s", commands.StopCharging(reference="1")),
            link.call_raw("s", "Reset", b"{}"),
            link.reload("s"),
        ):
            with pytest.raises(errors.Unavailable, match="not reachable"):
                await asking
    await bus.close()

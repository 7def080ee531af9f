"""Periodic event streams of a simulated 2.1 station: values of periodic monitors, sent many at once, never answered."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ingufu.simulator.dialect import Answer
from ingufu.simulator.peer import Payload, Request
from ingufu.simulator.timeline import Timer
from ingufu.simulator.v2.device_model import matches
from ingufu.simulator.v2.events import TransactionEvents
from ingufu.simulator.v2.memory import Memory

Answerer = Callable[[Memory, TransactionEvents, Payload], Answer]
MOST_KEPT = 1000  # values of one stream that wait while there is no connection


class Stream:
    """One open stream, which has the number of its monitor."""

    __slots__ = ("monitor", "params", "taken", "timer")

    def __init__(self, monitor: Payload, params: Payload) -> None:
        self.monitor = monitor
        self.params = params
        self.taken: list[tuple[datetime, str]] = []
        self.timer: Timer | None = None


def open_stream(memory: Memory, monitor: Payload) -> None:
    """Open a stream for a monitor that was set with one, once the CSMS accepts it (N11)."""
    number, params = int(monitor["id"]), dict(monitor.get("periodicEventStream") or {})
    stream = Stream(monitor, params)

    def answered(payload: Payload) -> None:
        if payload.get("status") == "Accepted" and number in memory.monitors:
            close_stream(memory, number, tells=False)
            memory.streams[number] = stream
            _plan(memory, number, stream)

    said = {"constantStreamData": {"id": number, "params": params, "variableMonitoringId": number}}
    memory.station.peer.request(Request("OpenPeriodicEventStream", said, succeeded=answered))


def close_stream(memory: Memory, number: int, *, tells: bool = True) -> None:
    """Close the stream of a monitor that is gone (N12)."""
    stream = memory.streams.pop(number, None)
    if stream is None:
        return
    if stream.timer is not None:
        stream.timer.cancel()
    if tells:
        memory.station.peer.request(Request("ClosePeriodicEventStream", {"id": number}))


def _plan(memory: Memory, number: int, stream: Stream) -> None:
    wait_s = max(float(stream.monitor["value"]), 1.0)
    stream.timer = memory.station.later(wait_s, lambda: _take(memory, number, stream))


def _take(memory: Memory, number: int, stream: Stream) -> None:
    """Take a value, and send what has gathered when it is enough or old enough (N15)."""
    if not memory.station.is_on:
        memory.streams.pop(number, None)
        return
    found = next((one for one in memory.device_model.variables() if matches(one, stream.monitor)), None)
    now = memory.station.now()
    if found is not None and len(stream.taken) < MOST_KEPT:
        stream.taken.append((now, found.read()))
    if stream.taken and memory.station.is_online and _is_due(stream, now):
        began_at = stream.taken[0][0]
        data = [{"t": (at - began_at).total_seconds(), "v": value} for at, value in stream.taken]
        stream.taken = []
        said: dict[str, Any] = {"id": number, "pending": 0, "basetime": memory.station.stamp(began_at), "data": data}
        memory.station.peer.send_unconfirmed("NotifyPeriodicEventStream", said)
    _plan(memory, number, stream)


def _is_due(stream: Stream, now: datetime) -> bool:
    values, interval_s = stream.params.get("values"), stream.params.get("interval")
    if values is not None and len(stream.taken) >= int(values):
        return True
    waited_s = (now - stream.taken[0][0]).total_seconds()
    return (interval_s is None and values is None) or (interval_s is not None and waited_s >= float(interval_s))


def _adjust(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    stream = memory.streams.get(int(payload["id"]))
    if stream is None:
        return Answer(payload={"status": "Rejected"})
    stream.params.update(payload["params"])
    return Answer(payload={"status": "Accepted"})


def _listing(memory: Memory, _: TransactionEvents, __: Payload) -> Answer:
    told = [
        {"id": number, "params": stream.params, "variableMonitoringId": number}
        for number, stream in memory.streams.items()
    ]
    return Answer(payload={"constantStreamData": told} if told else {})


STREAMS: Mapping[str, Answerer] = {
    "AdjustPeriodicEventStream": _adjust,
    "GetPeriodicEventStream": _listing,
}

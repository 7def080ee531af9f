"""Connection attempts of the past: stations that came and went, and everything that can keep one from connecting."""

import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from ingufu.app.demonstration.past import PastStation
from ingufu.core.clock import FrozenClock
from ingufu.core.events import Event
from ingufu.core.ids import IdMaker
from ingufu.simulator.history import PastOffline
from ingufu.stations.events import StationConnected, StationDisconnected
from ingufu.stations.model import Attempt, AttemptOutcome

WEEK = timedelta(days=7)
_FAILURES: tuple[tuple[AttemptOutcome, int | None, str, str], ...] = (
    (AttemptOutcome.WRONG_CREDENTIALS, 401, "ocpp1.6", "The Basic password is not the station's."),
    (AttemptOutcome.NO_CREDENTIALS, 401, "ocpp1.6", "There is no Authorization header."),
    (AttemptOutcome.UNSUPPORTED_SUBPROTOCOL, 400, "ocpp1.5", "It offers ocpp1.5."),
    (AttemptOutcome.NO_SUBPROTOCOL, 400, "", "It offers no subprotocol."),
    (AttemptOutcome.WRONG_PATH, 404, "ocpp1.6", "It asks for /steve/websocket/CentralSystemService."),
    (AttemptOutcome.BAD_IDENTITY, 400, "ocpp1.6", "The identity is empty."),
    (AttemptOutcome.TLS_FAILED, None, "", "The handshake failed: certificate unknown."),
    (AttemptOutcome.TIMED_OUT, None, "", "The request did not arrive in time."),
    (AttemptOutcome.NOT_A_WEBSOCKET, 426, "", "A browser came to see."),
    (AttemptOutcome.MALFORMED_REQUEST, 400, "", "The request line is no HTTP."),
)
_NO_STATION = frozenset({AttemptOutcome.TLS_FAILED, AttemptOutcome.NOT_A_WEBSOCKET, AttemptOutcome.MALFORMED_REQUEST})


class Arrivals:
    """Remembers since when each station is connected, as its times offline go by."""

    def __init__(self, stations: Mapping[str, PastStation], since: Mapping[str, datetime], seed: str) -> None:
        self._stations = stations
        self._since = dict(since)
        self._random = random.Random(f"{seed}:arrivals")
        self._clock = FrozenClock(min(since.values()))
        self._ids = IdMaker(self._clock)

    def gap(self, past: PastOffline) -> tuple[Attempt, tuple[Event, ...]]:
        """Return the connection that ended by it, and its two events."""
        return self._connection(past.identity, past.began_at, past.ended_at, past.cause)

    def last(self, until: datetime) -> Iterator[tuple[Attempt, tuple[Event, ...]]]:
        """Yield the connections that lasted until the past was over."""
        for identity in self._stations:
            yield self._connection(identity, until, until, "The server ended without closing the connection.")

    def failures(self, now: datetime, count: int) -> Iterable[Attempt]:
        """Return failed attempts of the last week, the earliest first."""
        identities = sorted(self._stations)
        times = sorted(now - WEEK * self._random.random() for _ in range(count))
        return [self._failure(index, at, identities) for index, at in enumerate(times)]

    def _connection(
        self, identity: str, until: datetime, back_at: datetime, cause: str
    ) -> tuple[Attempt, tuple[Event, ...]]:
        station, since = self._stations[identity], self._since[identity]
        self._since[identity] = back_at
        self._clock.set(since)
        attempt = Attempt(
            id=self._ids.new(),
            at=since,
            last_at=since,
            listener="plain",
            address=f"203.0.113.{sum(identity.encode()) % 254 + 1}",
            path=f"/ocpp/{identity}",
            identity=identity,
            station_id=station.id,
            offered=(f"ocpp{station.version}",),
            version=station.version,
            outcome=AttemptOutcome.CONNECTED,
            http_status=101,
            closed_at=until,
            close_code=1006,
            close_reason=cause,
        )
        connected = StationConnected(
            occurred_at=since,
            station_id=station.id,
            version=station.version,
            address=attempt.address,
            connection_id=attempt.id,
        )
        disconnected = StationDisconnected(
            occurred_at=until, station_id=station.id, connection_id=attempt.id, code=1006, reason=cause
        )
        return attempt, (connected, disconnected)

    def _failure(self, index: int, at: datetime, identities: list[str]) -> Attempt:
        outcome, status, offered, detail = _FAILURES[index % len(_FAILURES)]
        repeats = 1 + int(self._random.random() ** 3 * 12)
        identity = None if outcome in _NO_STATION else self._random.choice(identities)
        is_ours = outcome in {AttemptOutcome.WRONG_CREDENTIALS, AttemptOutcome.NO_CREDENTIALS}
        self._clock.set(at)
        return Attempt(
            id=self._ids.new(),
            at=at,
            last_at=at + timedelta(seconds=4 * repeats),
            listener="tls" if outcome is AttemptOutcome.TLS_FAILED else "plain",
            address=f"198.51.100.{self._random.randrange(1, 255)}",
            path="" if identity is None else f"/ocpp/{identity}",
            identity=identity,
            station_id=self._stations[identity].id if identity is not None and is_ours else None,
            offered=(offered,) if offered else (),
            outcome=outcome,
            http_status=status,
            detail=detail,
            count=repeats,
        )

"""When EVSEs could be used: from how their station was connected and what it reported. Pure.

An EVSE is up while its station is connected and one of its connectors is neither faulted nor unavailable. Out of
service by our own wish is planned; while nothing can be known, nothing is said.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from ingufu.stations.model import ConnectorStatus

GRACE = timedelta(minutes=5)  # without a connection before it counts: stations restart, and networks have their moments
SAME_FAILURE = timedelta(minutes=10)  # after the end of an outage: the next one is no failure of its own
_OUT = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE})
_WHOLE = (0, 0)

Place = tuple[int, int]  # EVSE and connector; 0 is the station, or the EVSE, as a whole


class Condition(StrEnum):
    """Whether an EVSE could be used."""

    UP = "up"
    DOWN = "down"
    PLANNED = "planned"  # out of service, as was asked for
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """Why an EVSE was down, at the beginning of an outage."""

    OFFLINE = "offline"
    FAULTED = "faulted"
    UNAVAILABLE = "unavailable"  # it says so, and nobody asked for it


class Link(StrEnum):
    """What is known of a connection."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"  # before the first one, and while no station could have had one


class LinkChange(NamedTuple):
    """A station came, or left."""

    at: datetime
    link: Link


class StatusChange(NamedTuple):
    """A connector, or a station as a whole, reported another status."""

    at: datetime
    place: Place
    status: ConnectorStatus
    code: str | None = None


class WishChange(NamedTuple):
    """Somebody asked for something to serve, or no longer."""

    at: datetime
    place: Place
    is_operative: bool


Change = LinkChange | StatusChange | WishChange


class Span(NamedTuple):
    """From when to when an EVSE was in a condition."""

    began_at: datetime
    ended_at: datetime
    condition: Condition
    cause: Cause | None = None
    code: str | None = None  # of the fault

    @property
    def lasted(self) -> timedelta:
        return self.ended_at - self.began_at


class Figures(NamedTuple):
    """What the spans of an EVSE come to. Times in seconds."""

    up_s: float
    down_s: float
    planned_s: float
    unknown_s: float
    failures: int
    repairs: int  # outages with a beginning and an end within the time
    repair_s: float

    @property
    def uptime(self) -> float | None:
        """Part of the known time in which it was not down; None: nothing is known."""
        known_s = self.up_s + self.down_s + self.planned_s
        return 1 - self.down_s / known_s if known_s else None

    @property
    def mtbf_s(self) -> float | None:
        """Time up for each failure; None: there was none."""
        return self.up_s / self.failures if self.failures else None

    @property
    def mttr_s(self) -> float | None:
        """Time until an outage was over, on average; None: none ended."""
        return self.repair_s / self.repairs if self.repairs else None


def links(changes: Sequence[LinkChange], until: datetime) -> list[LinkChange]:
    """Return how a station was connected, without the breaks that are too short to count.

    The first is how it was at the beginning, however long before that it became so.
    """
    kept = list(changes[:1])
    for change, following in pairwise([*changes[1:], LinkChange(until, Link.UNKNOWN)]):
        is_short = change.link is Link.OFFLINE and following.at - change.at <= GRACE
        if not is_short and kept[-1].link is not change.link:
            kept.append(change)
    return kept


class Beginning(NamedTuple):
    """How things stood when the time began."""

    link: Link
    statuses: Mapping[Place, tuple[ConnectorStatus, str | None]]  # with the code of a fault
    wishes: Mapping[Place, bool]  # whether it is to serve


def spans(
    evses: Mapping[int, Iterable[int]],
    beginning: Beginning,
    changes: Iterable[Change],
    since: datetime,
    until: datetime,
) -> dict[int, list[Span]]:
    """Return the conditions of each EVSE from `since` to `until`. `evses`: their connectors by number.

    `changes` are in order of time, those of the connection as `links` returns them.
    """
    now = _Now(evses, beginning)
    began = {evse: (since, now.judge(evse)) for evse in evses}
    found: dict[int, list[Span]] = {evse: [] for evse in evses}
    for change in changes:
        now.take(change)
        at = min(max(change.at, since), until)
        for evse in _touched(change, evses):
            judged = now.judge(evse)
            since_when, before = began[evse]
            if judged != before:
                if at > since_when:
                    found[evse].append(Span(since_when, at, *before))
                began[evse] = (at, judged)
    for evse, (since_when, judged) in began.items():
        if until > since_when:
            found[evse].append(Span(since_when, until, *judged))
    return found


def _touched(change: Change, evses: Mapping[int, object]) -> Iterable[int]:
    """Return the EVSEs whose condition a change may change."""
    if isinstance(change, LinkChange) or change.place[0] == 0:
        return evses
    return change.place[:1] if change.place[0] in evses else ()


Judged = tuple[Condition, Cause | None, str | None]


class _Now:
    """What is known at one moment, as changes are taken one after the other."""

    def __init__(self, evses: Mapping[int, Iterable[int]], beginning: Beginning) -> None:
        self._evses = {evse: tuple(connectors) for evse, connectors in evses.items()}
        self._link = beginning.link
        self._statuses = dict(beginning.statuses)
        self._wishes: defaultdict[Place, bool] = defaultdict(lambda: True, beginning.wishes)

    def take(self, change: Change) -> None:
        match change:
            case LinkChange(link=link):
                self._link = link
            case StatusChange(place=place, status=status, code=code):
                self._statuses[place] = (status, code)
            case WishChange(place=place, is_operative=is_operative):
                self._wishes[place] = is_operative

    def judge(self, evse: int) -> Judged:
        """Return the condition of an EVSE, and why it is down."""
        if self._link is Link.UNKNOWN:
            return Condition.UNKNOWN, None, None
        status, code = self._status(evse)
        if status is ConnectorStatus.FAULTED:
            return Condition.DOWN, Cause.FAULTED, code
        is_out = status is ConnectorStatus.UNAVAILABLE
        if (is_out or self._link is Link.OFFLINE) and self._is_to_be_out(evse):
            return Condition.PLANNED, None, None
        if self._link is Link.OFFLINE:
            return Condition.DOWN, Cause.OFFLINE, None
        return (Condition.DOWN, Cause.UNAVAILABLE, None) if is_out else (Condition.UP, None, None)

    def _status(self, evse: int) -> tuple[ConnectorStatus, str | None]:
        """Return in what way none of its connectors can be used; available if one can."""
        whole, code = self._statuses.get(_WHOLE, (ConnectorStatus.UNKNOWN, None))
        if whole is ConnectorStatus.FAULTED:
            return whole, code
        known = [self._statuses[evse, one] for one in self._evses[evse] if (evse, one) in self._statuses]
        if known and all(status in _OUT for status, _ in known):
            faults = [code for status, code in known if status is ConnectorStatus.FAULTED]
            return (ConnectorStatus.FAULTED, faults[0]) if faults else (ConnectorStatus.UNAVAILABLE, None)
        return (whole, None) if whole is ConnectorStatus.UNAVAILABLE else (ConnectorStatus.AVAILABLE, None)

    def _is_to_be_out(self, evse: int) -> bool:
        plugs = [(evse, one) for one in self._evses[evse] if one]
        return (
            not self._wishes[_WHOLE]
            or not self._wishes[evse, 0]
            or (bool(plugs) and not any(self._wishes[place] for place in plugs))
        )


def outages(parts: Iterable[Span]) -> list[Span]:
    """Return when an EVSE was down or planned to be, in order: what follows at once is one, by its first cause."""
    found: list[Span] = []
    for part in parts:
        if part.condition not in (Condition.DOWN, Condition.PLANNED):
            continue
        last = found[-1] if found else None
        if last is not None and last.ended_at == part.began_at and last.condition is part.condition:
            found[-1] = last._replace(ended_at=part.ended_at, code=last.code or part.code)
        else:
            found.append(part)
    return found


def figures(parts: Sequence[Span], until: datetime) -> Figures:
    """Return what the spans of an EVSE come to; an outage that did not begin while it was up is no failure."""
    lasted: defaultdict[Condition, float] = defaultdict(float)
    for part in parts:
        lasted[part.condition] += part.lasted.total_seconds()
    begun = {after.began_at for before, after in pairwise(parts) if before.condition is Condition.UP}
    failures, last_end = 0, None
    repaired: list[float] = []
    for one in outages(parts):
        if one.condition is not Condition.DOWN:
            continue
        if one.began_at in begun:
            failures += last_end is None or one.began_at - last_end >= SAME_FAILURE
            if one.ended_at < until:
                repaired.append(one.lasted.total_seconds())
        last_end = one.ended_at
    return Figures(
        up_s=lasted[Condition.UP],
        down_s=lasted[Condition.DOWN],
        planned_s=lasted[Condition.PLANNED],
        unknown_s=lasted[Condition.UNKNOWN],
        failures=failures,
        repairs=len(repaired),
        repair_s=sum(repaired),
    )

"""Why a station is not online, or not well: what its attempts, boots, clock and silences say together."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from sqlalchemy import func, select

from ingufu.infra.storage.database import Database
from ingufu.stations.model import Approval, Attempt, AttemptOutcome, BootAnswer, Station
from ingufu.stations.tables import attempts, stations
from ingufu.views.stations import Limit, SiteIds, seen

LOOKED_BACK: Final = timedelta(days=7)
ATTEMPTS_READ: Final = 200
HOUR: Final = timedelta(hours=1)
FLAPS: Final = 5  # connections within an hour
TWINS: Final = 3  # of them replaced by a newer one
REPLACED: Final = 4001
BOOT_PATIENCE: Final = timedelta(seconds=60)
SILENCE: Final = timedelta(minutes=15)
CLOCK_OFF_S: Final = 60.0

# What each finding says and what to do; {words} are its facts.
WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "well": ("It is online, and nothing is wrong that could be seen from here.", ""),
        "waiting": ("It waits for approval.", "Approve it if it is yours, or refuse it."),
        "refused": (
            "Somebody refused it: it is turned away whenever it calls.",
            "Approve it again if that was a mistake.",
        ),
        "never-tried": (
            "No attempt of it has ever reached this server.",
            "Look at the address typed into it, its network, name service and firewalls on the way.",
        ),
        "turned-away": (
            "It tried {count} times, last at {at}, and was turned away: {outcome}. {detail}",
            "See the cause under connection attempts; each has its remedy.",
        ),
        "address-failed": (
            "From its last address, {address}, {count} attempts failed before they named a station: {detail}",
            "If that is this station: look at TLS (ws:// or wss://, port, authority, clock of the station).",
        ),
        "no-password": (
            "It has to prove itself by a password, and none is set for it here.",
            "Set one and type it into the station.",
        ),
        "twins": (
            "Its connections took each other's place {count} times within an hour.",
            "Two stations with one identity, most likely: compare their addresses, and give each its own.",
        ),
        "flapping": (
            "It connected {count} times within an hour.",
            "Look at its network, at ping intervals of routers on the way, and at how its connections ended.",
        ),
        "never-boots": (
            "It is connected, and has never sent a BootNotification.",
            "Ask it for one; restart it if it does not answer. Some stations send it only after a restart.",
        ),
        "pending": (
            "It is held as Pending: it is connected, but may not charge yet.",
            "Set its answer at the start to Accepted; it is asked to start up anew.",
        ),
        "rejected": (
            "It was told Rejected at its start, and does nothing until it asks again.",
            "Set its answer at the start to Accepted.",
        ),
        "clock": (
            "Its clock is {seconds} seconds off.",
            "It is set by the answer to a boot or a heartbeat: restart it, or ask for a heartbeat.",
        ),
        "silent": (
            "It is connected, and nothing was heard of it since {at}.",
            "Ask it for a heartbeat. If it does not answer, its connection is dead and ends by itself soon.",
        ),
        "restarting": (
            "It left at {at}. This model may take {minutes} minutes to start up.",
            "Wait; it counts as lost only then.",
        ),
        "lost": (
            "Its connection ended at {at}: {reason}. It has not come back since.",
            "Look at its power and its network. If it tried and failed, the attempt would stand here.",
        ),
    }
)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was found."""

    code: Annotated[str, Meta(description="Stable; the words may change.")]
    level: Annotated[str, Meta(description="`ok`, `wait` or `bad`.")]
    facts: dict[str, str]
    says: str
    remedy: str


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Why a station is not online, or not well; the first finding is the likeliest cause."""

    station_id: str
    is_online: bool
    findings: tuple[Finding, ...]


class AttemptGroup(msgspec.Struct, frozen=True, kw_only=True):
    """All refused attempts from one address."""

    address: str
    count: int
    first_at: datetime
    last_at: datetime
    identities: Annotated[tuple[str, ...], Meta(description="What they called themselves; at most ten.")]
    outcomes: tuple[AttemptOutcome, ...]


def diagnose(
    station: Station, tried: Sequence[Attempt], failed: Sequence[Attempt], now: datetime, grace_s: int = 0
) -> Diagnosis:
    """Return what is wrong with a station. `tried` are its attempts, `failed` those of its address without a name.

    Both newest first. `grace_s` is how long its model may take to start up.
    """
    found = tuple(_findings(station, tried, failed, now, grace_s))
    return Diagnosis(station_id=station.id, is_online=station.is_online, findings=found or (finding("well", "ok"),))


def finding(code: str, level: str, **facts: object) -> Finding:
    says, remedy = WORDS[code]
    texts = {name: str(value) for name, value in facts.items()}
    return Finding(
        code=code, level=level, facts=texts, says=says.format(**texts).strip(), remedy=remedy.format(**texts)
    )


def _findings(
    station: Station, tried: Sequence[Attempt], failed: Sequence[Attempt], now: datetime, grace_s: int
) -> Iterator[Finding]:
    if station.approval is Approval.WAITING:
        yield finding("waiting", "wait")
        return
    if station.approval is Approval.REFUSED:
        yield finding("refused", "bad")
        return
    if not station.is_online:
        yield from _why_offline(station, tried, failed, now, grace_s)
    yield from _flaps(tried, now)
    if station.is_online:
        yield from _while_online(station, now)
    if station.clock_skew_s is not None and abs(station.clock_skew_s) > CLOCK_OFF_S:
        yield finding("clock", "wait", seconds=round(station.clock_skew_s))


def _why_offline(
    station: Station, tried: Sequence[Attempt], failed: Sequence[Attempt], now: datetime, grace_s: int
) -> Iterator[Finding]:
    newest = tried[0] if tried else None
    if newest is not None and newest.outcome is not AttemptOutcome.CONNECTED:
        yield finding(
            "turned-away", "bad", outcome=newest.outcome.value, detail=newest.detail, count=newest.count,
            at=_moment(newest.last_at),
        )  # fmt: skip
    if 0 < station.security_profile < 3 and station.password_hash is None:
        yield finding("no-password", "bad")
    since = station.online_changed_at
    late = [one for one in failed if since is None or one.last_at >= since]
    if late:
        yield finding(
            "address-failed",
            "bad",
            address=late[0].address,
            count=sum(one.count for one in late),
            detail=late[0].detail,
        )
    if newest is None and station.last_seen_at is None and not late:
        yield finding("never-tried", "bad")
    elif newest is not None and newest.outcome is AttemptOutcome.CONNECTED:
        at = newest.closed_at or station.online_changed_at or newest.last_at
        if grace_s and now - at <= timedelta(seconds=grace_s):
            yield finding("restarting", "wait", at=_moment(at), minutes=grace_s // 60)
        elif not late:
            yield finding("lost", "bad", at=_moment(at), reason=newest.close_reason or "no reason told")


def _flaps(tried: Sequence[Attempt], now: datetime) -> Iterator[Finding]:
    lately = [one for one in tried if one.outcome is AttemptOutcome.CONNECTED and now - one.at <= HOUR]
    replaced = sum(one.close_code == REPLACED for one in lately)
    if replaced >= TWINS:
        yield finding("twins", "bad", count=replaced)
    elif len(lately) >= FLAPS:
        yield finding("flapping", "wait", count=len(lately))


def _while_online(station: Station, now: datetime) -> Iterator[Finding]:
    since = station.online_changed_at
    if station.boot_status is None and since is not None and now - since > BOOT_PATIENCE:
        yield finding("never-boots", "bad")
    elif station.boot_status is BootAnswer.PENDING:
        yield finding("pending", "wait")
    elif station.boot_status is BootAnswer.REJECTED:
        yield finding("rejected", "bad")
    if station.last_seen_at is not None and now - station.last_seen_at > SILENCE:
        yield finding("silent", "wait", at=_moment(station.last_seen_at))


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


async def attempts_of(database: Database, station: Station, since: datetime) -> tuple[list[Attempt], list[Attempt]]:
    """Return the station's attempts since then, and those from its address that named none, newest first."""
    own = attempts.c.station_id == station.id
    tried = await _attempts(database, select(attempts).where(own, attempts.c.at >= since))
    address = next((one.address for one in tried), station.address)
    if address is None:
        return tried, []
    nameless = select(attempts).where(
        attempts.c.address == address,
        attempts.c.identity.is_(None),
        attempts.c.at >= since,
        attempts.c.outcome != AttemptOutcome.CONNECTED.value,
    )
    return tried, await _attempts(database, nameless)


async def _attempts(database: Database, statement: Any) -> list[Attempt]:  # a select of attempts
    rows = await database.select(statement.order_by(attempts.c.at.desc(), attempts.c.id.desc()).limit(ATTEMPTS_READ))
    return [msgspec.convert(row, Attempt) for row in rows]


class GroupQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which groups."""

    hours: Annotated[int, Meta(ge=1, le=24 * 90, description="How far back.")] = 24
    limit: Limit = 50


async def list_groups(database: Database, query: GroupQuery, now: datetime, site_ids: SiteIds) -> list[AttemptGroup]:
    """Return the refused attempts by address, those that were repeated last first."""
    refused = attempts.c.outcome != AttemptOutcome.CONNECTED.value
    recent = attempts.c.at >= now - timedelta(hours=query.hours)
    statement = select(
        attempts.c.address,
        func.sum(attempts.c.count).label("count"),
        func.min(attempts.c.at).label("first_at"),
        func.max(attempts.c.last_at).label("last_at"),
    ).where(refused, recent)
    if site_ids is not None:
        statement = statement.where(attempts.c.station_id.in_(select(stations.c.id).where(seen(site_ids))))
    grouped = statement.group_by(attempts.c.address).order_by(func.max(attempts.c.last_at).desc()).limit(query.limit)
    rows = await database.select(grouped)
    named = (
        select(attempts.c.address, attempts.c.identity, attempts.c.outcome)
        .distinct()
        .where(refused, recent, attempts.c.address.in_([row["address"] for row in rows]))
    )
    if site_ids is not None:
        named = named.where(attempts.c.station_id.in_(select(stations.c.id).where(seen(site_ids))))
    facts = await database.select(named) if rows else []
    return [
        AttemptGroup(
            address=row["address"],
            count=int(row["count"]),
            first_at=row["first_at"],
            last_at=row["last_at"],
            identities=tuple(
                sorted({one["identity"] for one in facts if one["address"] == row["address"] and one["identity"]})
            )[:10],
            outcomes=tuple(
                sorted({AttemptOutcome(one["outcome"]) for one in facts if one["address"] == row["address"]})
            ),
        )
        for row in rows
    ]

"""What a seed stands for: which stations there are, what they charge, and everything that will go wrong."""

import random

import msgspec

HOUR_S = 3600.0
VERSIONS = ("ocpp1.6", "ocpp1.6", "ocpp2.0.1", "ocpp2.1")


class ChargePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One charging: when, how long, and how many readings are sent on the way."""

    connector: int
    begins_s: float
    lasts_s: float
    readings: int
    watts: int
    token: str
    repeats_readings: bool  # the end carries once more what was sent on the way


class StationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One station: what it is like, and what happens to it."""

    identity: str
    version: str
    connectors: int
    charges: tuple[ChargePlan, ...]
    latency_s: float
    patience_s: float  # how long it waits for an answer
    retry: str  # "same" or "new" message id, "mixed", or "hang-up": it connects anew
    ids: str  # "counter", which begins anew with each boot, or "random"
    order: str  # in which it sends what has gathered: "queue", "by-connector", or (2.x) "any"
    clock: str  # "right", "off" by some seconds, an hour "ahead", "unset" until a boot is answered, or for ever "lost"
    counts_on: bool  # 2.x: its sequence numbers go on from one transaction to the next
    tells_status: bool
    chatter_s: float  # between messages that have nothing to do with transactions
    answers: str  # what we ask of it: "promptly", "late", "never"
    cut_chance: float  # that the line breaks soon after a message was sent
    loss_chance: float  # that it breaks while an answer is on its way
    power_losses: tuple[float, ...]
    second_lines: tuple[float, ...]  # when it connects anew without having closed the old connection
    twins: tuple[float, ...]  # when another device calls itself as this one
    clogs: tuple[float, ...]  # when it stops to read for a while
    bursts: tuple[float, ...]  # when it says all it has to say, and much else, without waiting for answers
    twice_chance: float  # that it sends a frame twice
    forgets_chance: float  # that it tells once more, on a new connection, what was acknowledged on the last one
    echo_chance: float  # that it tells once more, under a new id, what was just acknowledged
    wakes_s: float


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which storage is not as it should be."""

    at_s: float
    lasts_s: float
    kind: str  # "down": nothing works; "slow": commits take seconds; "mute": commits happen, the answer is lost;
    # "flaky": some fail so or so; "full": nothing may grow; "fatal": nothing can be written until the server is
    # started anew


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All of a seed."""

    seed: int
    lasts_s: float  # faults and new chargings happen until then
    disorder: float
    read_s: float  # 0: reads are done where they are asked, as with SQLite
    commit_s: float
    crash_chance: float  # that the server dies around a commit
    most_crashes: int
    spares_others: bool  # it does so only around commits with readings that are put off
    crashes: tuple[float, ...]
    restarts: tuple[float, ...]
    down_s: float  # how long the server stays away
    outages: tuple[Outage, ...]
    jumps: tuple[tuple[float, float], ...]  # when the server's date jumps, and how far it is off from then on
    commands: tuple[float, ...]  # when an operator asks something of some station
    meddlings: tuple[float, ...]  # when another process ends a transaction that runs
    looks_s: float  # between two rounds in which the server looks after things by itself: in earnest it is seconds,
    # and would be most of the work here
    defers: bool  # rows may be put into their tables later, from a journal
    is_tight: bool  # the server's bounds on what may wait and what it remembers are a few of each
    keeps_frames: bool  # the log of frames is a third of the work, and nothing here depends on it
    pings: bool  # whether half-open connections are ever noticed by the server
    stations: tuple[StationPlan, ...]


def draw(seed: int) -> Plan:
    """Return what the seed stands for."""
    chance = random.Random(f"{seed}/plan")
    lasts_s = chance.uniform(0.7, 3.0) * HOUR_S
    is_fierce = chance.random() < 0.3
    plan = Plan(
        seed=seed,
        lasts_s=lasts_s,
        disorder=chance.choice((0.0, 0.2, 0.5)),
        read_s=chance.choice((0.0, 0.0, 0.002, 0.02)),
        commit_s=chance.choice((0.0005, 0.003, 0.02, 0.3)),
        crash_chance=chance.choice((0.0, 0.02, 0.05)) * (2 if is_fierce else 1),
        most_crashes=4 if is_fierce else 2,
        spares_others=False,
        crashes=_times(chance, lasts_s, (0, 0, 1)),
        restarts=_times(chance, lasts_s, (0, 0, 0, 1)),
        down_s=chance.choice((1.0, 10.0, 120.0)),
        outages=tuple(_outage(chance, at_s) for at_s in _times(chance, lasts_s, (0, 1, 1, 2))),
        jumps=_jumps(chance, lasts_s),
        commands=_times(chance, lasts_s, (0, 1, 3)),
        meddlings=_times(chance, lasts_s, (0, 0, 0, 2)),
        looks_s=chance.choice((600.0, *(36_000.0,) * 7)),
        defers=chance.random() < 0.8,
        is_tight=chance.random() < 0.2,
        keeps_frames=chance.random() < 0.15,
        pings=chance.random() < 0.8,
        stations=tuple(
            _station(chance, number, lasts_s, is_fierce=is_fierce) for number in range(chance.randint(3, 6))
        ),
    )
    return _crash_on(chance, plan) if chance.random() < 0.12 else plan


def _crash_on(chance: random.Random, plan: Plan) -> Plan:
    """Return the plan with one crash after the other, while stations mostly tell of readings, and of those many."""
    replace = msgspec.structs.replace
    stations = tuple(
        replace(
            station,
            charges=tuple(replace(charge, readings=8) for charge in station.charges),
            clock=station.clock if chance.random() < 0.2 else "right",
            latency_s=chance.choice((0.01, station.latency_s)),
            tells_status=False,
            chatter_s=100_000.0,
        )
        for station in plan.stations
    )
    return replace(
        plan,
        stations=stations,
        crash_chance=0.25,
        most_crashes=12,
        spares_others=chance.random() < 0.7,
        commit_s=chance.choice((0.02, 0.3)),
        down_s=1.0,
        defers=True,
    )


def _station(chance: random.Random, number: int, lasts_s: float, *, is_fierce: bool) -> StationPlan:
    version = chance.choice(VERSIONS)
    connectors = chance.choice((1, 1, 2))
    return StationPlan(
        identity=f"S{number + 1}",
        version=version,
        connectors=connectors,
        charges=tuple(charge for one in range(connectors) for charge in _charges(chance, one + 1, lasts_s)),
        latency_s=chance.choice((0.01, 0.05, 0.3, 2.0)),
        patience_s=chance.choice((15.0, 30.0, 60.0)),
        retry=chance.choice(("same", "new", "mixed", "hang-up")),
        ids=chance.choice(("counter", "random")),
        order=chance.choice(("queue", "queue", "by-connector", "any" if version != "ocpp1.6" else "queue")),
        clock=chance.choice(("right", "right", "right", "off", "unset", "ahead", "lost")),
        counts_on=chance.random() < 0.2,
        tells_status=chance.random() < 0.7,
        chatter_s=chance.choice((1200.0, 3600.0, 7200.0)),
        answers=chance.choice(("promptly", "promptly", "late", "never")),
        cut_chance=chance.choice((0.0, 0.01, 0.05)) * (2 if is_fierce else 1),
        loss_chance=chance.choice((0.0, 0.03, 0.1)) * (2 if is_fierce else 1),
        power_losses=_times(chance, lasts_s, (0, 0, 0, 1)),
        second_lines=_times(chance, lasts_s, (0, 0, 0, 1)),
        twins=_times(chance, lasts_s, (0,) * 9 + (1,)),
        clogs=_times(chance, lasts_s, (0,) * 9 + (1,)),
        bursts=_times(chance, lasts_s, (0,) * 5 + (1,)),
        twice_chance=chance.choice((0.0, 0.0, 0.02, 0.1)),
        forgets_chance=chance.choice((0.0, 0.0, 0.3)),
        echo_chance=chance.choice((0.0, 0.0, 0.1)),
        wakes_s=chance.uniform(0, 60),
    )


def _charges(chance: random.Random, connector: int, lasts_s: float) -> list[ChargePlan]:
    charges: list[ChargePlan] = []
    at_s = 0.0
    for _ in range(chance.choice((0, 1, 1, 2))):
        at_s += chance.uniform(10, lasts_s / 2)
        most_s = lasts_s - at_s
        if most_s < 30:
            break
        charge = ChargePlan(
            connector=connector,
            begins_s=at_s,
            lasts_s=chance.uniform(20, min(most_s, 5400)),
            readings=chance.choice((0, 1, 3, 8)),
            watts=chance.choice((0, 3700, 11_000, 150_000)),
            token=chance.choice(("KNOWN-1", "KNOWN-2", "EXPIRED", "STRANGER")),
            repeats_readings=chance.random() < 0.4,
        )
        charges.append(charge)
        at_s += charge.lasts_s
    return charges


def _outage(chance: random.Random, at_s: float) -> Outage:
    kind = chance.choice(("down", "slow", "mute", "flaky", "full", "fatal"))
    return Outage(at_s=at_s, lasts_s=chance.choice((1.0, 20.0, 200.0)), kind=kind)


def _jumps(chance: random.Random, lasts_s: float) -> tuple[tuple[float, float], ...]:
    if chance.random() < 0.7:
        return ()
    return tuple((at_s, _offset(chance)) for at_s in _times(chance, lasts_s, (1, 1, 2)))


def _offset(chance: random.Random) -> float:
    return chance.choice((-86_400.0, -HOUR_S, -90.0, 0.0, 90.0, HOUR_S, 86_400.0, 3650 * 86_400.0))


def _times(chance: random.Random, lasts_s: float, counts: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(sorted(chance.uniform(0, lasts_s) for _ in range(chance.choice(counts))))

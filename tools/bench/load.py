"""The load generator: a process of its own that drives stations as fast as they are answered, or at a rate.

At a rate, a call falls due whatever became of those before, and its latency counts from then: a server that stands
still for a second is not spared the calls of that second.
"""

import gc
import os
import signal
import socket
import sys
import time
from pathlib import Path

import msgspec
import psutil
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import mixes
from bench.fleet import Fleet, Station
from bench.plan import Connected, Plan, Result

WARM_UP_S = 1.0
STARTS_PER_S = 500.0
BEGIN_S = 20.0  # for the last of them to be answered
TAIL_S = 2.0  # for the answers to calls that fell due in the measured time
FINEST_TICK_S = 0.00025
STAY_S = 120.0


class Meter:
    """Latencies of the calls that fell due in the measured time, and how many were answered in it."""

    def __init__(self) -> None:
        self.from_at = self.until_at = float("inf")
        self.latencies: list[float] = []
        self.answered = 0

    def note(self, due_at: float, now: float) -> None:
        if self.from_at <= now < self.until_at:
            self.answered += 1
        if self.from_at <= due_at < self.until_at:
            self.latencies.append(now - due_at)


class Closed:
    """Each station calls as soon as it is answered."""

    def __init__(self, fleet: Fleet, meter: Meter) -> None:
        self._fleet, self._meter = fleet, meter
        self.is_over = False
        fleet.on_answer = self._answered

    def start(self) -> None:
        for station in self._fleet.stations:
            self._fleet.say(station, time.perf_counter())

    def look(self) -> None:
        """Nothing falls due by itself."""

    def _answered(self, station: Station, due_at: float, now: float) -> None:
        self._meter.note(due_at, now)
        if not self.is_over:
            self._fleet.say(station, now)


class Open:
    """Calls fall due at a rate, evenly, by one station after the other.

    The stations begin in so many rounds, so that they are in as many phases of what they say.
    """

    def __init__(self, fleet: Fleet, meter: Meter, rate_per_s: float, phases: int) -> None:
        self._fleet, self._meter, self._rate, self._phases = fleet, meter, rate_per_s, phases
        self._began = 0.0
        self._due = 0
        self.is_over = False
        fleet.on_answer = self._answered
        self._ticks, ticking = socket.socketpair()
        for end in (self._ticks, ticking):
            end.setblocking(False)
        self._ticking = ticking
        fleet.watch(self._ticks.fileno(), self._ticked)

    def start(self) -> None:
        """Start the clock. Timers of event loops know milliseconds only, that of the kernel is finer."""
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.set_wakeup_fd(self._ticking.fileno(), warn_on_full_buffer=False)
        tick_s = max(1 / self._rate, FINEST_TICK_S)
        self._began = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, tick_s, tick_s)

    def look(self) -> None:
        """Send what has fallen due, or put it in the queue of a station that still waits for an answer."""
        if self.is_over:
            return
        stations, now = self._fleet.stations, time.perf_counter()
        due = int((now - self._began) * self._rate)
        for number in range(self._due, due):
            turn, place = divmod(number, len(stations))
            if turn < place % self._phases:  # it has not begun
                continue
            station = stations[place]
            due_at = self._began + number / self._rate
            if station.due_at is None:
                self._fleet.say(station, due_at)
            else:
                station.waiting.append(due_at)
        self._due = due

    def _ticked(self) -> None:
        self._ticks.recv(4096)

    def unanswered(self) -> list[float]:
        """Return when the calls were due that were never answered."""
        in_hand = [station.due_at for station in self._fleet.stations if station.due_at is not None]
        return in_hand + [due_at for station in self._fleet.stations for due_at in station.waiting]

    def _answered(self, station: Station, due_at: float, now: float) -> None:
        self._meter.note(due_at, now)
        if station.waiting:
            self._fleet.say(station, station.waiting.popleft())


def run(plan: Plan) -> Result:
    """Connect, measure for the plan's seconds, and return what was seen."""
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    gc.disable()
    fleet, meter = Fleet(plan), Meter()
    connected = fleet.connect()
    if not plan.seconds:
        return _stay(fleet, connected)
    warm_up_s = min(WARM_UP_S, plan.seconds / 4)
    pace: Open | Closed
    if plan.rate_per_s:
        phases = mixes.phases(plan.mix)
        pace = Open(fleet, meter, plan.rate_per_s, phases)
        warm_up_s += (phases - 1) * plan.stations / plan.rate_per_s
        _begin(fleet, plan)
    else:
        pace = Closed(fleet, meter)
    _turn(fleet, time.perf_counter() + plan.settle_s)
    pace.start()
    _turn(fleet, time.perf_counter() + warm_up_s, pace)
    before, sessions = _processor_times(plan), fleet.wall.sessions
    meter.from_at = time.perf_counter()
    meter.until_at = meter.from_at + plan.seconds
    _turn(fleet, meter.until_at, pace)
    used = [later - earlier for earlier, later in zip(before, _processor_times(plan), strict=True)]
    sessions = fleet.wall.sessions - sessions
    pace.is_over = True
    missing = _finish(fleet, pace, meter)
    result = _result(fleet, meter, connected, used)
    if not plan.rate_per_s:
        return replace(
            result, seconds=plan.seconds, sessions=sessions, due=meter.answered, errors=result.errors + missing
        )
    return replace(result, seconds=plan.seconds, sessions=sessions)


def _begin(fleet: Fleet, plan: Plan) -> None:
    """Have what the calls of a mix go on with started: a rush of starts is not what such a mix is about."""
    if plan.mix not in mixes.BEGUN:
        return
    for station in fleet.stations:
        fleet.say(station, time.perf_counter())
        _turn(fleet, time.perf_counter() + 1 / STARTS_PER_S)
    until = time.perf_counter() + BEGIN_S
    while any(station.due_at is not None for station in fleet.stations) and time.perf_counter() < until:
        fleet.turn(0.05)


def _turn(fleet: Fleet, until: float, pace: Open | Closed | None = None) -> None:
    while (now := time.perf_counter()) < until:
        fleet.turn(min(until - now, 0.05))
        if pace is not None:
            pace.look()


def _finish(fleet: Fleet, pace: Open | Closed, meter: Meter) -> int:
    """Wait a little for late answers; what never comes counts with the time that it was waited for."""
    if isinstance(pace, Closed):
        return sum(station.due_at is not None for station in fleet.stations) * bool(fleet.lost)
    signal.setitimer(signal.ITIMER_REAL, 0)
    until = time.perf_counter() + TAIL_S
    while pace.unanswered() and time.perf_counter() < until:
        fleet.turn(0.05)
    now = time.perf_counter()
    missing = [due_at for due_at in pace.unanswered() if meter.from_at <= due_at < meter.until_at]
    meter.latencies.extend(now - due_at for due_at in missing)
    return len(missing)


def _stay(fleet: Fleet, connected: Connected) -> Result:
    """Say that all are connected, and stay so until standard input ends; a line on it lets them greet."""
    orders: list[bytes] = []
    fleet.watch(sys.stdin.fileno(), lambda: orders.append(os.read(0, 4096)))
    print(msgspec.json.encode(connected).decode(), flush=True)
    until = time.perf_counter() + STAY_S
    while time.perf_counter() < until:
        fleet.turn(0.5)
        if orders and not orders[-1]:
            break
        if orders:
            orders.clear()
            print(msgspec.json.encode(fleet.greet()).decode(), flush=True)
    return _result(fleet, Meter(), connected, [0.0] * 4)


def _result(fleet: Fleet, meter: Meter, connected: Connected, used: list[float]) -> Result:
    ordered = sorted(meter.latencies) or [0.0]
    return Result(
        calls=meter.answered,
        due=len(meter.latencies),
        seconds=1.0,
        p50_ms=round(ordered[len(ordered) // 2] * 1000, 3),
        p99_ms=round(ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)] * 1000, 3),
        longest_ms=round(ordered[-1] * 1000, 3),
        errors=fleet.errors + fleet.lost,
        sessions=0,
        cpu_s=round(used[0], 3),
        server_cpu_s=round(used[1], 3),
        database_cpu_s=round(used[2], 3),
        other_cpu_s=round(max(0.0, used[3] - sum(used[:3])), 3),
        connected=connected,
    )


def _processor_times(plan: Plan) -> list[float]:
    """Return the seconds of processor time that this process, the server, the database and all together have used."""
    everyone = psutil.cpu_times()
    busy = everyone.user + everyone.system + everyone.nice + everyone.irq + everyone.softirq
    return [time.process_time(), _used(plan.server_pid), _used(plan.database_pid, with_children=True), busy]


def _used(pid: int, *, with_children: bool = False) -> float:
    if not pid:
        return 0.0
    process = psutil.Process(pid)
    times = process.cpu_times()
    own = times.user + times.system
    if not with_children:
        return own
    gone = times.children_user + times.children_system
    return own + gone + sum(_used(child.pid) for child in process.children(recursive=True))


if __name__ == "__main__":
    print(msgspec.json.encode(run(msgspec.json.decode(sys.argv[1], type=Plan))).decode())

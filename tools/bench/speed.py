"""How fast: servers saturated by stations that call as soon as they are answered, and latencies at fixed rates."""

import tempfile
from pathlib import Path

import msgspec

from bench import processes, serving
from bench.plan import Plan, Result
from bench.postgresql import Database
from bench.processes import Target

MIXES = ("meter-values", "transaction-events", "session")
CARRIED = 0.97  # of what fell due, answered within the same time


class Network(msgspec.Struct, kw_only=True, frozen=True):
    """The network whose pages are timed."""

    stations: int = 10_000
    sessions: int = 1_000_000
    folder: Path | None = None  # where it lies, or is kept; None: made for this run alone
    only: str = ""  # what the addresses must have in them


class Size(msgspec.Struct, kw_only=True, frozen=True):
    """How much is measured."""

    seconds: float = 4.0  # of each measurement
    mixes: tuple[str, ...] = MIXES
    saturating: tuple[int, ...] = (64, 256)  # stations
    rates: tuple[float, ...] = (1000.0, 5000.0, 20_000.0)  # calls/s of all stations together
    plain_rates: tuple[float, ...] = (200.0, 1000.0)
    at_a_rate: int = 1000  # stations
    settle_s: float = 12.0  # after which stations that call at a rate begin: what is asked of new ones is asked by then
    rest_s: float = 90.0  # at the most, before each measurement, until the server has done what the last one left
    idle: int = 10_000  # stations
    network: Network = Network()

    @property
    def known(self) -> int:
        """How many stations a server must know: no measurement meets what another one left behind."""
        return len(self.mixes) * (sum(self.saturating) + len(self.rates) * self.at_a_rate)


class Row(msgspec.Struct, kw_only=True, frozen=True):
    """One measurement of one server."""

    server: str
    mix: str
    stations: int
    rate_per_s: float  # 0: saturated
    result: Result

    @property
    def is_carried(self) -> bool:
        """Whether calls were answered at the rate at which they came."""
        return self.result.calls >= CARRIED * self.result.due


class Runner:
    """Measures one server; each measurement has stations of its own."""

    def __init__(self, target: Target, size: Size) -> None:
        self._target, self._size = target, size
        self._first = 0

    @property
    def http_port(self) -> int:
        return self._target.http_port

    def saturate(self) -> list[Row]:
        """Return a row for each mix and number of stations."""
        size = self._size
        return [self.measure(mix, stations) for mix in size.mixes for stations in size.saturating]

    def hold(self, rates: tuple[float, ...]) -> list[Row]:
        """Return a row for each mix and rate."""
        return [self.measure(mix, self._size.at_a_rate, rate) for mix in self._size.mixes for rate in rates]

    def measure(self, mix: str, stations: int, rate: float = 0.0) -> Row:
        target = self._target
        plan = Plan(
            port=target.port,
            mix=mix,
            stations=stations,
            first=self._first,
            seconds=self._size.seconds,
            rate_per_s=rate,
            settle_s=self._size.settle_s if rate and target.pid else 0.0,
            password=target.password,
            core=processes.cores()[1],
            server_pid=target.pid,
            database_pid=target.database_pid,
        )
        self._first += stations
        if target.pid:
            processes.await_rest(target.pid, self._size.rest_s)
        result = processes.measure(plan)
        return Row(server=target.name, mix=mix, stations=stations, rate_per_s=rate, result=result)


def measure_floor(size: Size) -> list[Row]:
    """Return what the bare echo server does."""
    only = msgspec.structs.replace(size, mixes=("meter-values",))
    with processes.started("floor", "floor.py") as target:
        return Runner(target, only).saturate()


def measure_floor_rates(size: Size) -> list[Row]:
    only = msgspec.structs.replace(size, mixes=("meter-values",))
    with processes.started("floor", "floor.py") as target:
        return Runner(target, only).hold(size.rates)


def measure_plain(size: Size) -> tuple[list[Row], list[Row]]:
    """Return what the plain servers do: saturated by the smaller number of stations, and at rates of theirs."""
    saturated: list[Row] = []
    at_rates: list[Row] = []
    fewer = msgspec.structs.replace(size, saturating=size.saturating[:1])
    for storage, name in (("orm", "plain, ORM"), ("sql", "plain, SQL by hand")):
        with (
            tempfile.TemporaryDirectory(prefix="ingufu-bench-", dir=processes.disk_folder()) as folder,
            processes.started(name, "plain.py", storage, str(size.known), folder) as target,
        ):
            runner = Runner(target, fewer)
            saturated += runner.saturate()
            at_rates += [runner.measure("meter-values", 100, rate) for rate in size.plain_rates]
    return saturated, at_rates


def measure_ours(size: Size, *, is_saturated: bool, has_rates: bool) -> tuple[list[Row], list[Row]]:
    """Return what `ingufu serve` does on SQLite: saturated, and at the rates."""
    with serving.prepared(size.known) as folder, serving.serving(folder) as target:
        return _both(Runner(target, size), size, is_saturated=is_saturated, has_rates=has_rates)


def measure_on_postgresql(size: Size, database: Database) -> tuple[list[Row], list[Row]]:
    """Return what `ingufu serve` does on that server."""
    with (
        serving.prepared(size.known, database.url) as folder,
        serving.serving(folder, database=database.url, name=f"ingufu, PostgreSQL {database.version}") as plain,
    ):
        target = msgspec.structs.replace(plain, database_pid=database.pid)
        return _both(Runner(target, size), size, is_saturated=True, has_rates=True)


def _both(runner: Runner, size: Size, *, is_saturated: bool, has_rates: bool) -> tuple[list[Row], list[Row]]:
    processes.await_pages(runner.http_port)  # so that the start of the console is not measured with the first mix
    saturated = runner.saturate() if is_saturated else []
    return saturated, runner.hold(size.rates) if has_rates else []

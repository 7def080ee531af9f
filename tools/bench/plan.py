"""What the load generator is asked to do, and what it says that it saw."""

import msgspec


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """Load of one kind. `mix` is meter-values, transaction-events, session or heartbeats."""

    port: int
    mix: str
    stations: int
    first: int = 0  # number of the first station
    seconds: float = 0.0  # measured, after a warm-up; 0: connect, and stay until standard input ends
    rate_per_s: float = 0.0  # of all stations together, due whatever became of those before; 0: each when answered
    password: str = ""
    calls_first: int = 2  # of each station before all else: 1: BootNotification, 2: StatusNotification too
    greets_when_told: bool = False  # they wait with that for a line on standard input
    settle_s: float = 0.0  # between connecting and the first call
    core: int | None = None
    server_pid: int = 0
    database_pid: int = 0  # and all that it started


class Connected(msgspec.Struct, kw_only=True, frozen=True):
    """How the stations came in; seconds count from when the first knocked."""

    stations: int
    upgraded_s: float  # until the last connection was open
    ready_s: float  # until the last station's first calls were answered
    failures: int


class Result(msgspec.Struct, kw_only=True, frozen=True):
    """What was measured. A latency counts from when its call was due; milliseconds."""

    calls: int  # answered in the measured time
    due: int  # calls that fell due in it: the same, unless there is a rate
    seconds: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    errors: int  # error answers, lost connections, calls without any answer
    sessions: int
    cpu_s: float  # the generator's own
    server_cpu_s: float
    database_cpu_s: float
    other_cpu_s: float  # of all other processes of the machine
    connected: Connected

    @property
    def per_s(self) -> float:
        return self.calls / self.seconds

    @property
    def per_cpu_s(self) -> float:
        """Calls for each second of processor time that the server took."""
        return self.calls / self.server_cpu_s if self.server_cpu_s else 0.0

"""A running server on each of the two event loops, and stations that are closed at the end."""

from collections.abc import Callable, Iterator

import pytest

from gateway.websocket.peer import LOOPS, RunningServer, Station, running


@pytest.fixture(params=list(LOOPS))
def idle_server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server that the test configures and starts itself."""
    with running(RunningServer(request.param)) as server:
        yield server


@pytest.fixture
def server(idle_server: RunningServer) -> RunningServer:
    idle_server.start()
    return idle_server


@pytest.fixture
def connect(idle_server: RunningServer) -> Iterator[Callable[..., Station]]:
    """Connect to the server's first endpoint, or to the address given."""
    stations: list[Station] = []

    def open_station(address: tuple[str, int] | None = None, **options) -> Station:
        stations.append(Station(address or idle_server.address, **options))
        return stations[-1]

    yield open_station
    for station in stations:
        station.close()


@pytest.fixture
def station(server: RunningServer, connect: Callable[..., Station]) -> Station:
    """An upgraded station, without extensions."""
    station = connect()
    station.upgrade()
    server.handler.wait("opened")
    return station

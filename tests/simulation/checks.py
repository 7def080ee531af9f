"""What must hold when all has come to rest: the stations' own records against the database, and nothing left over."""

from collections import Counter
from typing import Any, NoReturn

import structlog
from structlog.typing import EventDict, WrappedLogger

from simulation import bills
from simulation.client import Station
from simulation.disk import Disk
from simulation.server import Incarnation, Server
from simulation.world import World

EXPECTED_ERRORS = frozenset({"storage.not_writable", "gateway.task_hangs"})  # while storage fails or is slow
EXPECTED_SILENCE = frozenset({"ocpp.gave_up", "ocpp.storage_unavailable"})  # after which an answer may be missing


class Ears:
    """Hears what the server logs: warnings join the trace, errors are wrong."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> NoReturn:
        world = self._world
        if not world.loop.owner.is_dead:
            world.trace.note(world.loop.owner.name, f"log {method}", _plain(event))
            if event["event"] in EXPECTED_SILENCE:
                world.trouble(30.0)
            is_due = event["event"] in EXPECTED_ERRORS and world.storage_until_s >= world.loop.time()
            if method in {"error", "critical", "exception"} and not is_due:
                world.wrong(f"The server logged {_plain(event)}")
        raise structlog.DropEvent


def check_running(world: World, server: Server, disk: Disk, stations: list[Station]) -> None:
    """Hold what the server has in memory and what it says of its stations against the network."""
    running = server.running
    if running is None:
        world.wrong("The server does not run.")
        return
    connections = running.gateway.connections
    if len(connections) != len(stations):
        world.wrong(f"{len(stations)} stations are connected, {len(connections)} connections are known.")
    rows = {row["identity"]: row for row in disk.rows("SELECT * FROM stations")}
    for station in stations:
        row = rows[station.plan.identity]
        connection = connections.get(row["id"])
        if connection is None or not row["is_online"] or row["connection_id"] != connection.id:
            world.wrong(f"{station.plan.identity} is connected, and shown as {row['is_online']}.")
        elif connection.peer._in_hand is not None or connection.peer._queue or connection.peer.open_call is not None:
            world.wrong(f"{station.plan.identity}: something is in hand or waits although nothing happens.")
        firmware = station.record.firmware
        if not station.plan.twice_chance and not firmware.may_be(row["firmware_version"]):
            world.wrong(f"{station.plan.identity} is shown with {row['firmware_version']}, and said {firmware}.")
        _check_status(world, disk, station, row["id"])
    _check_idle(world, running)


def check_released(world: World, server: Server, disk: Disk) -> None:
    """All stations are gone: nothing of them may be left in memory, and none be shown as online."""
    running = server.running
    if running is None:
        return
    if len(running.gateway.connections):
        world.wrong(f"{len(running.gateway.connections)} connections are known, and nobody is connected.")
    for row in disk.rows("SELECT identity FROM stations WHERE is_online"):
        world.wrong(f"{row['identity']} is gone, and shown as online.")
    stations = running.services.stations
    for name in ("_open", "_seen_at", "_skews", "_statuses"):
        if getattr(stations, name):
            world.wrong(f"Of stations that are gone, {name} still holds {len(getattr(stations, name))}.")
    _check_idle(world, running)


def check_stored(world: World, server: Server, disk: Disk, stations: list[Station]) -> None:
    """Hold the database against the stations' records."""
    given: Counter[int] = Counter()
    books = bills.Books(disk)
    for station in stations:
        bills.check(world, books, station, server.answered[station.plan.identity])
        _check_asked(world, station)
        for charging in station.record.chargings:
            given.update(charging.numbers)
    for number, times in given.items():
        if times > 1:
            world.wrong(f"The transaction number {number} was given to {times} starts.")


def _check_status(world: World, disk: Disk, station: Station, station_id: str) -> None:
    """Hold the status of connectors against what was last acknowledged, where times tell what is newer."""
    comes_late = station.plan.twice_chance > 0 and station.plan.clock != "right"  # and no time tells that it is old
    if world.has_jumped or station.plan.twins or comes_late:
        return
    rows = disk.rows("SELECT evse, raw_status FROM connectors WHERE station_id = ?", station_id)
    shown = {row["evse"]: row["raw_status"] for row in rows}
    for connector, told in station.record.statuses.items():
        if not told.may_be(shown.get(connector)):
            name = f"{station.plan.identity} connector {connector}"
            world.wrong(f"{name} is shown as {shown.get(connector)}, and said {told}.")


def _check_asked(world: World, station: Station) -> None:
    """Hold what we asked of a station against what it was asked: nothing twice."""
    repeated = [id_ for id_, times in station.record.asked.items() if times > 1]
    if repeated:
        world.wrong(f"{station.plan.identity} was asked twice: {repeated}.")


def stirrings(running: Incarnation) -> list[str]:
    """Return what the server still has to do, in words; it looks after some things by itself from time to time."""
    found: list[str] = []
    unfinished = running.owner.unfinished
    if unfinished or running.gateway._tasks:
        found.append(f"tasks run: {[getattr(task.get_coro(), '__qualname__', '') for task in unfinished]}")
    if running.database.writer.backlog or running.database.writer._behind:
        found.append("units of work wait for a commit")
    if any(lane.is_taken for lane in running.gateway.connections._lanes.values()):
        found.append("a lane is locked")
    pending: Any = running.services.charging._running._pending
    if pending:
        found.append(f"{len(pending)} stations have units of work under way")
    return found


def _check_idle(world: World, running: Incarnation) -> None:
    for stirring in stirrings(running):
        world.wrong(f"Nothing happens, and {stirring}.")


def _plain(event: EventDict) -> str:
    return ", ".join(f"{name}={value}" for name, value in event.items() if name != "task")

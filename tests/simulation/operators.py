"""What befalls a running server from outside: outages of storage, jumps of its clock, people and other processes."""

import asyncio

from ingufu.core.commands import Trigger, TriggerMessage
from ingufu.core.errors import IngufuError, StationUnavailable
from simulation.client import Station
from simulation.disk import Disk
from simulation.plan import Outage
from simulation.server import Incarnation, Process, Server
from simulation.world import World

NOTICED_S = 1.0  # as often the server looks whether its storage has failed


async def suffer(world: World, server: Server, disk: Disk, outage: Outage) -> None:
    """Let storage be as the outage has it, for a while."""
    if world.is_calm:
        return
    if outage.kind == "fatal":
        await _fail_for_good(world, server)
        return
    disk.kind = outage.kind
    world.trace.note("disk", outage.kind.upper(), f"{outage.lasts_s:.0f} s")
    world.trouble(outage.lasts_s + 20.0)
    world.storage_until_s = max(world.storage_until_s, world.loop.time() + outage.lasts_s + 10.0)
    await asyncio.sleep(outage.lasts_s)
    if disk.kind == outage.kind:
        disk.kind = "well"
        world.trace.note("disk", "WELL")


async def _fail_for_good(world: World, server: Server) -> None:
    """Let the server's disk fail; as `ingufu serve` does, it stops as well as it can and is started anew."""
    running = server.running
    if running is None:
        return
    world.trace.note("disk", "FATAL")
    world.trouble(60.0)
    world.storage_until_s = max(world.storage_until_s, world.loop.time() + 60.0)
    running.engine.failure = "The simulated disk has failed for good."
    await asyncio.sleep(NOTICED_S)
    if server.running is running:
        await server.restart()


def jump(world: World, offset_s: float) -> None:
    """Set the server's date."""
    world.trace.note("server", "CLOCK", f"{offset_s:+.0f} s")
    world.has_jumped |= offset_s != 0.0
    world.clock_offset_s = offset_s


def command(world: World, server: Server, stations: list[Station]) -> None:
    """Let an operator ask something of a station that is connected, or was."""
    running = server.running
    if running is not None:
        chance = world.dice(f"command/{world.loop.time()}")
        world.loop.spawn(running.owner, _ask(world, running, chance.choice(stations), chance.random()))


async def _ask(world: World, running: Incarnation, station: Station, dice: float) -> None:
    link = running.gateway.connections
    connection = next((one for one in link if one.session.station.identity == station.plan.identity), None)
    if connection is None:
        return
    began_s = world.loop.time()
    if dice < 0.2:
        await link.disconnect(connection.station_id, "an operator wants it so")
        return
    try:
        trigger = Trigger.STATUS if dice < 0.6 else Trigger.METER_VALUES
        outcome = await link.call(connection.station_id, TriggerMessage(trigger=trigger, evse=1))
        world.trace.note("operator", outcome.status, station.plan.identity)
        if outcome.status not in station.record.answered.values():
            world.wrong(f"An operator was told {outcome.status}, which {station.plan.identity} never answered.")
    except StationUnavailable as error:
        world.trace.note("operator", "unanswered", f"{station.plan.identity}: {error}")
    if world.loop.time() - began_s > 31.0:
        world.wrong(f"An operator waited {world.loop.time() - began_s:.0f} s for {station.plan.identity}.")


def clog(world: World, station: Station, for_s: float) -> None:
    """Let the server's answers pile up before a station that does not read, for a while."""
    line = station.line
    if world.is_calm or line is None or line.server is None or not line.server.is_open:
        return
    world.trace.note(line.name, "CLOGGED", f"{for_s:.0f} s")
    world.trouble(for_s + 60.0)
    server = line.server
    world.loop.at_for(server.owner, world.loop.time(), server.clogged)
    world.loop.at_for(server.owner, world.loop.time() + for_s, server.unclogged)


async def meddle(world: World, office: Process, disk: Disk) -> None:
    """End a running transaction from another process, as a person does who holds it for lost."""
    rows = disk.rows("SELECT id FROM transactions WHERE is_open ORDER BY id LIMIT 1")
    if not rows or world.is_calm:
        return
    world.trace.note("office", "ends", rows[0]["id"])
    try:
        async with office.database.work() as work:
            await office.services.charging.end_by_estimate(work, rows[0]["id"])
    except IngufuError as error:
        world.trace.note("office", "failed", error)

"""What befalls a running server from outside: outages of storage, jumps of its clock, people and other processes."""

import asyncio

import msgspec

from ingufu.core.commands import ReplyKind, Trigger, TriggerMessage
from ingufu.core.errors import IngufuError, StationUnavailable
from ingufu.gateway.link import Connections
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
    world.count(f"storage was {outage.kind}")
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
    world.count("storage was fatal")
    world.trouble(60.0)
    world.storage_until_s = max(world.storage_until_s, world.loop.time() + 60.0)
    running.engine.failure = "The simulated disk has failed for good."
    await asyncio.sleep(NOTICED_S)
    if server.running is running:
        await server.restart()


def jump(world: World, offset_s: float) -> None:
    """Set the server's date."""
    world.trace.note("server", "CLOCK", f"{offset_s:+.0f} s")
    world.counts["the server's date jumped"] += offset_s != 0.0
    world.has_jumped |= offset_s != 0.0
    world.clock_offset_s = offset_s


def command(world: World, server: Server, stations: list[Station]) -> None:
    """Let operators ask something of a station that is connected, or was: one, or several at once."""
    running = server.running
    if running is None or world.is_calm:
        return
    chance = world.dice(f"command/{world.loop.time()}")
    station = chance.choice(stations)
    for _ in range(chance.choice((1, 1, 4))):
        world.loop.spawn(running.owner, _ask(world, running, station, chance.random()))


async def _ask(world: World, running: Incarnation, station: Station, dice: float) -> None:
    link = running.gateway.connections
    connection = next((one for one in link if one.session.station.identity == station.plan.identity), None)
    if connection is None:
        return
    began_s = world.loop.time()
    if dice < 0.1:
        world.count("an operator ended a connection")
        await link.disconnect(connection.station_id, "an operator wants it so")
        return
    if dice < 0.6:
        await _ask_for(world, link, connection.station_id, station)
    else:
        await _ask_raw(world, link, connection.station_id, station, f"operator-{began_s:.3f}-{dice:.6f}")
    if world.loop.time() - began_s > 31.0:
        world.wrong(f"An operator waited {world.loop.time() - began_s:.0f} s for {station.plan.identity}.")


async def _ask_for(world: World, link: Connections, station_id: str, station: Station) -> None:
    """Ask in our own words."""
    trigger = Trigger.STATUS if world.dice(f"trigger/{world.loop.time()}").random() < 0.5 else Trigger.METER_VALUES
    try:
        outcome = await link.call(station_id, TriggerMessage(trigger=trigger, evse=1))
    except StationUnavailable as error:
        world.count("a command had no answer")
        world.trace.note("operator", "unanswered", f"{station.plan.identity}: {error}")
        return
    world.count("a command was answered")
    world.trace.note("operator", outcome.status, station.plan.identity)
    if outcome.status not in station.record.answered.values():
        world.wrong(f"An operator was told {outcome.status}, which {station.plan.identity} never answered.")


async def _ask_raw(world: World, link: Connections, station_id: str, station: Station, message_id: str) -> None:
    """Ask in the words of OCPP, under an id that tells which answer belongs to it."""
    payload = b'{"requestedMessage":"Heartbeat"}'
    reply = await link.call_raw(station_id, "TriggerMessage", payload, message_id=message_id[:36])
    world.trace.note("operator", reply.kind, f"{station.plan.identity} {message_id[:36]}")
    if reply.kind in {ReplyKind.TIMEOUT, ReplyKind.OFFLINE}:
        world.count("a command had no answer")
        return
    world.count("a command was answered")
    told = msgspec.json.decode(reply.payload)["status"] if reply.payload is not None else reply.kind
    answered = station.record.answered.get(message_id[:36])
    if told != answered:
        world.wrong(f"An operator was told {told}, and {station.plan.identity} answered {answered}.")


def clog(world: World, station: Station, for_s: float) -> None:
    """Let the server's answers pile up before a station that does not read, for a while."""
    line = station.line
    if world.is_calm or line is None or line.server is None or not line.server.is_open:
        return
    world.trace.note(line.name, "CLOGGED", f"{for_s:.0f} s")
    world.count("a station did not read")
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
    world.count("another process ended a transaction")
    try:
        async with office.database.work() as work:
            await office.services.charging.end_by_estimate(work, rows[0]["id"])
    except IngufuError as error:
        world.trace.note("office", "failed", error)

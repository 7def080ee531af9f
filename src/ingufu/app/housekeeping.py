"""What is done from time to time in the gateway's process, and the figures that it shows."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from ingufu.app.compose import GatewayProcess
from ingufu.app.retention import retention_rules
from ingufu.app.settings import ChargingSettings, RetentionSettings
from ingufu.core.errors import Conflict, IngufuError, NotFound
from ingufu.gateway.websocket import Counters
from ingufu.infra.storage.retention import prune
from ingufu.infra.telemetry import Figure, exposition
from ingufu.services import Services

PRUNE_EVERY_S = 3600.0
FIRST_PRUNE_AFTER_S = 60.0  # the start belongs to the stations that come back
WAITING_KEPT = timedelta(days=1)  # since its last call: a station that is ours calls every few minutes

log = structlog.get_logger(__name__)


async def keep_house(
    services: Services,
    retention: RetentionSettings,
    charging: ChargingSettings = ChargingSettings(),  # noqa: B008 - frozen
    *,
    first_s: float = FIRST_PRUNE_AFTER_S,
) -> None:
    """Close what was abandoned and delete what is older than it is kept, each hour, until cancelled.

    What goes wrong is logged and tried again.
    """
    await asyncio.sleep(first_s)
    while True:
        try:
            await close_abandoned(services, charging)
            await tidy(services, retention)
        except IngufuError as error:
            log.warning("housekeeping.prune_failed", error=str(error))
        except Exception:
            log.exception("housekeeping.prune_failed")
        await asyncio.sleep(PRUNE_EVERY_S)


async def tidy(services: Services, retention: RetentionSettings) -> None:
    """Delete what the settings no longer keep, in portions, so that no station waits for it."""
    await prune(services.database, retention_rules(retention), services.clock.now())
    await services.stations.prune_waiting(services.clock.now() - WAITING_KEPT)
    await services.accounts.prune()


async def close_abandoned(services: Services, charging: ChargingSettings) -> None:
    """Close by estimate the transactions of stations that were not heard of for as long as the settings say.

    A station that comes back and tells of the end corrects it.
    """
    if not charging.abandoned_days:
        return
    before = services.clock.now() - timedelta(days=charging.abandoned_days)
    for transaction in await services.charging.silent_since(before):
        if not await _is_silent(services, transaction.station_id, before):
            continue
        work = services.database.work()
        try:
            why = f"Its station was not heard of for {charging.abandoned_days} days."
            await services.charging.end_by_estimate(work, transaction.id, why=why)
            await work.commit()
        except Conflict:  # it was heard of in this moment
            services.charging.forget(transaction.station_id)


async def _is_silent(services: Services, station_id: str, before: datetime) -> bool:
    try:
        station = await services.stations.get(station_id)
    except NotFound:
        return True
    return not station.is_online and (station.last_seen_at is None or station.last_seen_at < before)


def metrics_responder(process: GatewayProcess) -> Callable[[bytes], Awaitable[bytes]]:
    """Return what answers the web process with this process' figures."""
    render = exposition(figures(process))

    async def respond(message: bytes) -> bytes:
        del message
        return render()

    return respond


def figures(process: GatewayProcess) -> tuple[Figure, ...]:
    """Return the figures of the gateway's process, by name and meaning."""
    gateway, writer, bus = process.gateway, process.services.database.writer, process.bus
    quirks = process.services.stations.quirks
    none_yet = Counters()

    def gauge(name: str, meaning: str, read: Callable[[Counters], float]) -> Figure:
        return Figure(f"ingufu_{name}", meaning, lambda: float(read(gateway.counters or none_yet)))

    def count(name: str, meaning: str, read: Callable[[Counters], float]) -> Figure:
        return Figure(f"ingufu_{name}", meaning, lambda: float(read(gateway.counters or none_yet)), counts_up=True)

    def counts(
        name: str, meaning: str, label: str, read: Callable[[Counters], dict[int, int] | dict[str, int]]
    ) -> Figure:
        def by_label() -> dict[str, float]:
            return {str(key): float(value) for key, value in read(gateway.counters or none_yet).items()}

        return Figure(f"ingufu_{name}", meaning, by_label, label=label, counts_up=True)

    return (
        gauge("stations_connected", "Stations connected now.", lambda _: len(gateway.connections)),
        gauge("sockets_open", "Open WebSockets.", lambda its: its.sockets_open),
        gauge("handshakes_open", "Connection attempts under way.", lambda its: its.handshakes_open),
        count("handshakes_delayed", "Connection attempts made to wait by a limit.", lambda its: its.handshakes_delayed),
        count("upgrades", "WebSockets opened.", lambda its: its.upgrades),
        counts("connections_refused", "Connection attempts refused.", "status", lambda its: its.refused),
        counts("connections_failed", "Connection attempts that broke undecided.", "cause", lambda its: its.failed),
        counts("sockets_closed", "WebSockets closed.", "code", lambda its: its.closed),
        count("messages_received", "Messages received.", lambda its: its.messages_received),
        count("messages_sent", "Messages sent.", lambda its: its.messages_sent),
        count("bytes_received", "Bytes received.", lambda its: its.bytes_received),
        count("half_open", "Sockets given up as silent.", lambda its: its.half_open),
        count("stalled", "Sockets given up because they did not read.", lambda its: its.stalled),
        count("oversized", "Messages refused as too large.", lambda its: its.oversized),
        count("protocol_violations", "Breaches of the WebSocket protocol.", lambda its: its.violations),
        count("read_pauses", "Readings paused by a rate limit.", lambda its: its.read_pauses),
        count("handler_failures", "Messages on which the program failed.", lambda its: its.handler_failures),
        count("commits", "Commits of the writer.", lambda _: writer.commits),
        count("units_of_work", "Units of work made durable.", lambda _: writer.units),
        gauge("units_waiting", "Units of work that wait for their commit.", lambda _: writer.backlog),
        gauge("storage_failing", "1 while commits fail, as on a full disk.", lambda _: writer.refusal is not None),
        count("rows_lost", "Rows written behind that were lost.", lambda _: writer.lost_behind),
        Figure(
            "ingufu_quirks_met",
            "Quirks that stations showed.",
            lambda: {number: float(count) for number, count in quirks.totals.items()},
            label="quirk",
            counts_up=True,
        ),
        gauge("web_processes", "Processes that ask this one.", lambda _: bus.dialled),
        count("live_events_dropped", "Live events that a process did not read in time.", lambda _: bus.dropped),
    )

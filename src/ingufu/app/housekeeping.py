"""What is done from time to time in the gateway's process, and the figures that it shows."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ingufu.app.compose import GatewayProcess
from ingufu.app.settings import RetentionSettings
from ingufu.core.errors import IngufuError
from ingufu.infra.storage.retention import prune
from ingufu.infra.telemetry import Figure, exposition
from ingufu.services import Services

PRUNE_EVERY_S = 3600.0
FIRST_PRUNE_AFTER_S = 60.0  # the start belongs to the stations that come back

log = structlog.get_logger(__name__)


async def keep_house(services: Services, retention: RetentionSettings) -> None:
    """Delete what is older than it is kept, each hour, until cancelled."""
    await asyncio.sleep(FIRST_PRUNE_AFTER_S)
    while True:
        try:
            await prune(services.database, retention_rules(retention), services.clock.now())
        except IngufuError as error:
            log.warning("housekeeping.prune_failed", error=str(error))
        except Exception:
            log.exception("housekeeping.prune_failed")
        await asyncio.sleep(PRUNE_EVERY_S)


def metrics_responder(process: GatewayProcess) -> Callable[[bytes], Awaitable[bytes]]:
    """Return what answers the web process with this process' figures."""
    render = exposition(figures(process))

    async def respond(message: bytes) -> bytes:
        del message
        return render()

    return respond


def figures(process: GatewayProcess) -> tuple[Figure, ...]:
    """Return the figures of the gateway's process, by name and meaning."""
    gateway, writer = process.gateway, process.services.database.writer

    def counter(name: str) -> Callable[[], float]:
        return lambda: float(getattr(gateway.counters, name, 0))

    def by_label(name: str) -> Callable[[], dict[str, float]]:
        return lambda: {str(key): float(value) for key, value in getattr(gateway.counters, name, {}).items()}

    return (
        Figure("ingufu_stations_connected", "Stations connected now.", lambda: float(len(gateway.connections))),
        Figure("ingufu_sockets_open", "Open WebSockets.", counter("sockets_open")),
        Figure("ingufu_handshakes_open", "Connection attempts under way.", counter("handshakes_open")),
        Figure("ingufu_upgrades", "WebSockets opened.", counter("upgrades"), counts_up=True),
        Figure(
            "ingufu_connections_refused",
            "Connection attempts refused, by HTTP status.",
            by_label("refused"),
            label="status",
            counts_up=True,
        ),
        Figure(
            "ingufu_connections_failed",
            "Connection attempts that broke before a decision, by cause.",
            by_label("failed"),
            label="cause",
            counts_up=True,
        ),
        Figure(
            "ingufu_sockets_closed",
            "WebSockets closed, by close code.",
            by_label("closed"),
            label="code",
            counts_up=True,
        ),
        Figure("ingufu_messages_received", "Messages received.", counter("messages_received"), counts_up=True),
        Figure("ingufu_messages_sent", "Messages sent.", counter("messages_sent"), counts_up=True),
        Figure("ingufu_bytes_received", "Bytes received.", counter("bytes_received"), counts_up=True),
        Figure("ingufu_half_open", "Sockets given up as silent.", counter("half_open"), counts_up=True),
        Figure(
            "ingufu_protocol_violations", "Breaches of the WebSocket protocol.", counter("violations"), counts_up=True
        ),
        Figure("ingufu_read_pauses", "Readings paused by a rate limit.", counter("read_pauses"), counts_up=True),
        Figure("ingufu_commits", "Commits of the writer.", lambda: float(writer.commits), counts_up=True),
        Figure("ingufu_units_of_work", "Units of work made durable.", lambda: float(writer.units), counts_up=True),
        Figure("ingufu_units_waiting", "Units of work that wait for their commit.", lambda: float(writer.backlog)),
        Figure(
            "ingufu_rows_lost", "Rows written behind that were lost.", lambda: float(writer.lost_behind), counts_up=True
        ),
    )

"""Whether we work, for those who watch over us: liveness, readiness, and figures for Prometheus."""

import asyncio

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from sqlalchemy import literal, select

from ingufu.accounts.model import Scope
from ingufu.core import errors
from ingufu.core.errors import Forbidden, IngufuError, Unauthenticated
from ingufu.infra.telemetry import METRICS_SUBJECT
from ingufu.web import auth, exchange
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import route

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PATIENCE_S = 2.0  # what watches us gives up sooner or later, too

_CANNOT_WRITE = b"ingufu_storage_failing 1.0"  # a line of the figures of the process that writes for the stations
_ONE = select(literal(1).label("one"))


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether each part works. `ok` needs storage that can be read and written, and the process of the stations."""

    status: str  # ok, failing
    database: str
    stations: str  # the process that holds their connections
    version: str


@route("GET", "/health/live", is_public=True, result=None)
async def get_liveness() -> dict[str, str]:
    """Say that this process runs

    Nothing else is looked at: restarting it would not mend the database.
    """
    return {"status": "ok"}


@route("GET", "/health", is_public=True)
async def get_health(web: WebContext) -> Response[Health]:
    """Say whether everything works

    503 if the database cannot be read or written, or the process that holds the stations does not answer.
    """
    database, figures = await asyncio.gather(_database(web), _figures(web))
    stations = "ok" if figures is not None else "not reachable"
    if figures is not None and _CANNOT_WRITE in figures.splitlines():
        database = "cannot be written"
    is_well = (database, stations) == ("ok", "ok")
    health = Health(
        status="ok" if is_well else "failing", database=database, stations=stations, version=web.settings.version
    )
    return Response(health, status_code=200 if is_well else 503)


@route("GET", "/metrics", is_public=True, media_type="text/plain", raises=(errors.Unauthenticated, errors.Forbidden))
async def get_metrics(web: WebContext, request: Asked) -> Response[bytes]:
    """Get the figures for Prometheus

    Open to programs on this machine as long as no proxy stands before us (`public_url` and `trusted_proxies` are
    empty); from elsewhere with an API key that has the scope events:read.
    """
    if not exchange.is_from_here(request.scope):
        await _check_may_watch(request)
    try:
        theirs = await web.bus.request(METRICS_SUBJECT, b"", timeout_s=PATIENCE_S)
    except IngufuError:
        theirs = b"# The process of the stations does not answer.\n"
    return Response(merged(request.app.state["figures"](), theirs), media_type=METRICS_TYPE)


def merged(ours: bytes, theirs: bytes) -> bytes:
    """Return both processes' figures as one text: samples of ours that both have carry `process="web"`.

    Prometheus takes a family only once; of those that both have, the description is said once.
    """
    families: dict[str, tuple[list[str], list[str]]] = {}
    for process, text in (("web", ours), ("stations", theirs)):
        _sort(text.decode(), process, families)
    lines = [line for about, samples in families.values() for line in (*about, *samples)]
    return ("\n".join(lines) + "\n").encode()


def _sort(text: str, process: str, families: dict[str, tuple[list[str], list[str]]]) -> None:
    about: list[str] = []
    samples: list[str] = []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            about, samples = families.setdefault(name, ([], []))
            is_new = not about
            if is_new:
                about.append(line)
        elif line.startswith("# TYPE "):
            if len(about) == 1:
                about.append(line)
        elif line and not line.startswith("#"):
            samples.append(_labelled(line, process))


def _labelled(sample: str, process: str) -> str:
    name, brace, rest = sample.partition("{")
    if brace and " " not in name:
        return f'{name}{{process="{process}",{rest}'
    name, _, value = sample.partition(" ")
    return f'{name}{{process="{process}"}} {value}'


async def _check_may_watch(request: Asked) -> None:
    principal = await auth.find_principal(auth.Connection(request.scope))
    if principal is None:
        raise Unauthenticated
    if Scope.EVENTS_READ not in principal.scopes:
        raise Forbidden(f"This needs the scope {Scope.EVENTS_READ.value}.")


async def _database(web: WebContext) -> str:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await web.services.database.fetch_one(_ONE)
    except (TimeoutError, IngufuError):
        return "failing"
    return "failing" if web.services.database.engine.failure else "ok"


async def _figures(web: WebContext) -> bytes | None:
    """Return the figures of the process of the stations, None if it does not answer."""
    try:
        return await web.bus.request(METRICS_SUBJECT, b"", timeout_s=PATIENCE_S)
    except IngufuError:
        return None


ROUTES: tuple[HTTPRouteHandler, ...] = (get_liveness, get_health, get_metrics)

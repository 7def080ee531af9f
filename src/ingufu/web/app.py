"""The web application put together: the API, its documents, health and metrics; the console is plugged in here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from litestar import Litestar, Router
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware

from ingufu.core.errors import IngufuError
from ingufu.infra.ending import end
from ingufu.views.power import PowerCurve
from ingufu.web import checking, errors, exchange, health
from ingufu.web.auth import Authentication, guard
from ingufu.web.checking import CheckPace
from ingufu.web.console import assembly as console
from ingufu.web.console import letters
from ingufu.web.console.errors import answer_lost
from ingufu.web.console.pages import Pages, make_pages
from ingufu.web.console.static import StaticFiles
from ingufu.web.context import WebContext
from ingufu.web.docs import documents
from ingufu.web.figures import Tally, audit_figures
from ingufu.web.heads import answering_heads
from ingufu.web.idempotency import Idempotency
from ingufu.web.live import LiveHub
from ingufu.web.openapi import API_PATH
from ingufu.web.reading import MAX_BODY_BYTES

log = structlog.get_logger(__name__)


def create_app(context: WebContext) -> Litestar:
    """Return the application. Every route is closed unless its declaration (`web.routes.route`) opens it.

    Who stops the server calls `close_streams` first, for a live stream ends only when it is told to.
    """
    app = make_routes()
    install(app, context)
    return app


def install(app: Litestar, context: WebContext) -> None:
    """Let the routes work for this context. Not while the application serves."""
    hub = LiveHub(context.services.database, context.bus)
    tally = Tally()
    app.state.update(
        {
            "web": context,
            "hub": hub,
            "curve": PowerCurve(context.services.database, context.services.clock),
            "pages": make_pages(context),
            "write": letters.written(context),
            "static": StaticFiles(),
            "tally": tally,
            "check_pace": CheckPace(context.services.clock),
            "figures": tally.render(lambda: hub.listener_count, audit_figures(context.services.accounts)),
        }
    )


def make_routes() -> Litestar:
    """Return an application with every route, which serves nothing before it is given what to work with."""
    app = Litestar(
        route_handlers=[
            Router(API_PATH, route_handlers=[*documents.API_ROUTES]),
            *documents.ROUTES,
            *health.ROUTES,
            *checking.ROUTES,
            console.make_router(),
            *console.ROOT_ROUTES,
        ],
        guards=[guard],
        middleware=[DefineMiddleware(Authentication), DefineMiddleware(Idempotency)],
        exception_handlers={
            IngufuError: errors.answer_known,
            HTTPException: answer_lost,
            Exception: errors.answer_unknown,
        },
        before_send=[exchange.finish],
        lifespan=[_hearing, _warming, _closing],
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
    )
    app.asgi_handler = answering_heads(app.asgi_handler)
    return app


def close_streams(app: Litestar) -> None:
    """Let every live stream come to its end, and what is done to many go no further."""
    hub: LiveHub = app.state["hub"]
    hub.close_streams()
    pages: Pages = app.state["pages"]
    pages.runs.stop()


@asynccontextmanager
async def _hearing(app: Litestar) -> AsyncIterator[None]:
    hub: LiveHub = app.state["hub"]
    await hub.open()
    try:
        yield
    finally:
        await hub.close()


@asynccontextmanager
async def _warming(app: Litestar) -> AsyncIterator[None]:
    task = asyncio.create_task(_warm(app.state["curve"]))
    try:
        yield
    finally:
        await end(task)


async def _warm(curve: PowerCurve) -> None:
    try:
        await curve.warm()
    except IngufuError as error:  # whoever asks for the curve tries again
        log.warning("web.curve_not_read", error=error.message)


@asynccontextmanager
async def _closing(app: Litestar) -> AsyncIterator[None]:
    pages: Pages = app.state["pages"]
    try:
        yield
    finally:
        await pages.close()

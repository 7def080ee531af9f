"""The REST API: one module per noun, each with its `ROUTES`."""

from litestar.handlers import HTTPRouteHandler

from ingufu.web.api import accounts, commands, events, session, sites, stations, tokens, transactions

ROUTES: tuple[HTTPRouteHandler, ...] = (
    *session.ROUTES,
    *sites.ROUTES,
    *stations.ROUTES,
    *commands.ROUTES,
    *transactions.ROUTES,
    *events.ROUTES,
    *tokens.ROUTES,
    *accounts.ROUTES,
)

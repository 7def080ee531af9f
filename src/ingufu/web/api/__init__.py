"""The REST API: one module per noun, each with its `ROUTES`."""

from collections.abc import Mapping

from litestar.handlers import HTTPRouteHandler

from ingufu.web.api import (
    accounts,
    authorities,
    commands,
    configuration,
    control,
    events,
    limits,
    local_lists,
    metering,
    network,
    reservations,
    sampling,
    session,
    sites,
    stations,
    templates,
    tokens,
    transactions,
)

ROUTES: tuple[HTTPRouteHandler, ...] = (
    *session.ROUTES,
    *sites.ROUTES,
    *stations.ROUTES,
    *commands.ROUTES,
    *configuration.ROUTES,
    *network.ROUTES,
    *templates.ROUTES,
    *control.ROUTES,
    *transactions.ROUTES,
    *limits.ROUTES,
    *metering.ROUTES,
    *sampling.ROUTES,
    *events.ROUTES,
    *tokens.ROUTES,
    *local_lists.ROUTES,
    *reservations.ROUTES,
    *authorities.ROUTES,
    *accounts.ROUTES,
)

TAGS: Mapping[str, str] = {  # in the order in which people look for them
    "session": "Logging in and out, and who one is.",
    "sites": "The places where stations stand, and the network at a glance.",
    "stations": "Which stations there are, what we allow each, EVSEs and connectors.",
    "commands": "Any request of the station's own OCPP version just as given, and typed commands on top of it.",
    "configuration": "What stations are set to: variables, reports, monitors, and what is desired of each station.",
    "network": "How stations reach us: network profiles and their order; resets that were asked for.",
    "templates": "Desired values for several stations, and where stations are not as desired.",
    "control": "Starts that are awaited, stops, availability that is kept, messages asked for.",
    "transactions": "What was charged, with events, readings, curves, anomalies and raw frames.",
    "limits": "How far a transaction may go, its priority, and what its driver reads.",
    "metering": "Values outside of transactions, signed values as they came, periodic event streams.",
    "sampling": "What stations measure, how often, and what of it they take.",
    "events": "The timeline, live events, and every attempt to connect.",
    "tokens": "Who may charge: drivers, groups, id tokens, and the decisions on them.",
    "local_lists": "What stations know of tokens by themselves: local lists, caches, and the rules for both.",
    "reservations": "Places that stations keep for somebody.",
    "authorities": "The authorities whose contract certificates are trusted (Plug & Charge).",
    "accounts": "Who runs the network: organisations, users, API keys, and the audit trail.",
    "documents": "The description of this API.",
    "health": "Whether everything works, and figures for Prometheus.",
}

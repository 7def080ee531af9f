"""The console put together: every page's routes under one path, with errors as pages."""

from typing import Any

from litestar import Response, Router
from litestar.exceptions import HTTPException

from ingufu.core.errors import IngufuError
from ingufu.web.console import (
    actions,
    admission,
    api_keys,
    attempts,
    audit,
    bulk,
    charge_records,
    commands,
    configuration,
    customers,
    decisions,
    desired,
    doctoring,
    drivers,
    errors,
    evidence,
    groups,
    imports,
    invoices,
    ledger,
    ledger_jobs,
    log,
    login,
    mails,
    meter_keys,
    metering,
    organisations,
    overview,
    report_stations,
    reports,
    reservations,
    roles,
    saved_views,
    search,
    sellers,
    session,
    sessions,
    settings,
    sites,
    static,
    station,
    stations,
    steering,
    steps,
    tariffs,
    tariffs_calculator,
    tariffs_editor,
    tariffs_feeds,
    tokens,
    uptime,
    user_access,
    users,
    view_tabs,
    way_in,
    your_account,
)
from ingufu.web.console.pages import page
from ingufu.web.console.rendering import CONSOLE_PATH
from ingufu.web.errors import NoSuchAddress

ROUTES = (
    *login.ROUTES,
    *way_in.ROUTES,
    *your_account.ROUTES,
    *overview.ROUTES,
    *stations.ROUTES,
    *station.ROUTES,
    *metering.ROUTES,
    *uptime.ROUTES,
    *meter_keys.ROUTES,
    *actions.ROUTES,
    *settings.ROUTES,
    *desired.ROUTES,
    *configuration.ROUTES,
    *commands.ROUTES,
    *log.ROUTES,
    *sessions.ROUTES,
    *session.ROUTES,
    *steps.ROUTES,
    *steering.ROUTES,
    *attempts.ROUTES,
    *audit.ROUTES,
    *doctoring.ROUTES,
    *reservations.ROUTES,
    *invoices.ROUTES,
    *sellers.ROUTES,
    *customers.ROUTES,
    *admission.ROUTES,
    *tokens.ROUTES,
    *decisions.ROUTES,
    *drivers.ROUTES,
    *groups.ROUTES,
    *imports.ROUTES,
    *bulk.ROUTES,
    *charge_records.ROUTES,
    *evidence.ROUTES,
    *ledger.ROUTES,
    *ledger_jobs.ROUTES,
    *tariffs.ROUTES,
    *tariffs_editor.ROUTES,
    *tariffs_calculator.ROUTES,
    *tariffs_feeds.ROUTES,
    *search.ROUTES,
    *saved_views.ROUTES,
    *reports.ROUTES,
    *report_stations.ROUTES,
    *sites.ROUTES,
    *users.ROUTES,
    *user_access.ROUTES,
    *organisations.ROUTES,
    *roles.ROUTES,
    *api_keys.ROUTES,
    *mails.ROUTES,
)
ROOT_ROUTES = (*login.ROOT_ROUTES, *static.ROUTES)


@page("/{path:path}")
async def show_nothing() -> Response[Any]:
    """Say that there is no such page"""
    raise NoSuchAddress


def make_router() -> Router:
    """Return the console's pages."""
    return Router(
        CONSOLE_PATH,
        route_handlers=[*ROUTES, show_nothing],
        before_request=view_tabs.open_default,
        exception_handlers={
            IngufuError: errors.answer_known,
            HTTPException: errors.answer_router,
            Exception: errors.answer_unknown,
        },
    )

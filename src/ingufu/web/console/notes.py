"""What was asked of a station's EVSEs and is not done yet, or done otherwise, as their cards say it."""

from collections.abc import Mapping

from markupsafe import Markup

from ingufu.infra.storage.database import Database
from ingufu.stations.availability.model import Wish, WishState
from ingufu.views import control
from ingufu.views.control import RemoteStartRow
from ingufu.views.stations import EvseView, SiteIds, StationView
from ingufu.web.console.pages import Pages
from ingufu.web.exchange import Asked

PARTS = "pages/station/notes.html"


async def notes_of(
    database: Database, pages: Pages, request: Asked, station: StationView, site_ids: SiteIds
) -> Mapping[int, list[str]]:
    """Return what the card of each EVSE says besides, by number, as markup."""
    wishes = await control.list_wishes(database, station.id)
    starts = await control.waiting_starts(database, station.id, site_ids)
    if not wishes and not starts:
        return {}
    return {evse.number: _notes(pages, request, evse, wishes, starts) for evse in station.evses}


def _notes(pages: Pages, request: Asked, evse: EvseView, wishes: list[Wish], starts: list[RemoteStartRow]) -> list[str]:
    """Return the notes of one EVSE: wishes that are kept need none, unless they took it out of service."""
    about = [wish for wish in wishes if wish.evse in (0, evse.number)]
    told = [wish for wish in about if wish.state is not WishState.KEPT or not wish.is_operative]
    waiting = [start for start in starts if start.evse in (None, evse.number)] if evse.transaction is None else []
    return [
        *(_written(pages, request, "wish_note", wish) for wish in told),
        *(_written(pages, request, "start_note", start) for start in waiting),
    ]


def _written(pages: Pages, request: Asked, macro: str, told: Wish | RemoteStartRow) -> Markup:
    return Markup(pages.macro(request, PARTS, macro, told))  # noqa: S704 - a template wrote it, and escaped what it was told

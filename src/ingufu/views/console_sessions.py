"""What a word means that somebody looks for among sessions: stations by name, cards by number, drivers by name."""

from sqlalchemy import or_, select

from ingufu.accounts.model import OfFleet
from ingufu.charging.tables import transactions
from ingufu.infra.storage.database import Database
from ingufu.stations.tables import stations
from ingufu.views.personal import hides_drivers
from ingufu.views.stations import SiteIds, contains, seen
from ingufu.views.tokens import match_tokens
from ingufu.views.transactions import Match, in_own_time, seen_session

MOST = 200  # stations or cards that one word may mean


async def find_match(database: Database, text: str, site_ids: SiteIds) -> Match:
    """Return the stations and id tokens that a word may mean."""
    at = select(stations.c.id).where(
        or_(contains(stations.c.identity_key, text), contains(stations.c.name, text)), seen(site_ids)
    )
    return Match(
        station_ids=tuple(row["id"] for row in await database.select(at.limit(MOST))),
        token_ids=() if hides_drivers(site_ids) else tuple(await match_tokens(database, text, most=MOST)),
    )


async def has_any(database: Database, site_ids: SiteIds) -> bool:
    """Return whether there is any session that one may see."""
    one = select(transactions.c.id).limit(1)
    if isinstance(site_ids, OfFleet):
        one = one.where(seen_session(site_ids))
    elif site_ids is not None:
        one = one.where(
            transactions.c.station_id.in_(select(stations.c.id).where(seen(site_ids))), *in_own_time(site_ids)
        )
    return bool(await database.select(one))

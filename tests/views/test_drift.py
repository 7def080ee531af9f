"""Where stations are not as desired, page by page: every difference once, in order, whatever is asked for."""

from typing import Any

import pytest

from ingufu.configuration.model import SETTLED, WishState
from ingufu.configuration.tables import states, wanted
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.statements import insert
from ingufu.views import templates
from ingufu.views.templates import DriftQuery
from views.conftest import Rows

_INSERT, _INSERT_STATE = insert(wanted), insert(states)
KEYS = ("alpha", "beta", "gamma")
STATES = tuple(WishState)


@pytest.fixture
async def drifted(database: Database, rows: Rows) -> list[dict[str, Any]]:
    """Of twelve stations at two sites and none, three values each, in every state there is."""
    places = [await rows.site("Kigali"), await rows.site("Kampala"), None]
    made: list[dict[str, Any]] = []
    for number in range(12):
        identity = f"CP{number:02}"
        station = await rows.station(identity, site_id=places[number % 3])
        async with database.work() as work:
            work.execute(_INSERT_STATE, _state(station, number % 4))
            for place, key in enumerate(KEYS):
                row = _row(rows, station, key, STATES[(number + place) % len(STATES)], f"t{number % 2}")
                work.execute(_INSERT, row)
                made.append(row | {"identity": identity, "site_id": places[number % 3]})
    return made


def _row(rows: Rows, station_id: str, key: str, state: WishState, source: str) -> dict[str, Any]:
    return {
        "station_id": station_id, "key": key, "name": {"component": "C", "variable": key}, "value": "1",
        "is_secret": False, "mark": "m", "source_kind": "template", "source_id": source, "source_name": source,
        "why": "all", "state": state.value, "status": "", "reason": "", "tries": 0, "changed_at": rows.clock.now(),
    }  # fmt: skip


def _state(station_id: str, drift: int) -> dict[str, Any]:
    return {
        "station_id": station_id, "is_stale": False, "inventory_tries": 0, "inventory_note": "", "failures": 0,
        "failure": "", "reboot_reason": "", "drift": drift, "wishes": 3,
    }  # fmt: skip


QUERIES = (
    DriftQuery(limit=4),
    DriftQuery(limit=1),
    DriftQuery(limit=50),
    DriftQuery(state=WishState.WAITING, limit=2),
    DriftQuery(template="t1", limit=3),
    DriftQuery(q="cp0", limit=3),
    DriftQuery(q="BETA", limit=3),
    DriftQuery(q="nothing", limit=3),
)


@pytest.mark.parametrize("scope", [None, 0, 1])
async def test_pages_have_every_difference_once_and_in_order(
    database: Database, drifted: list[dict[str, Any]], scope: int | None
) -> None:
    site_ids = None if scope is None else frozenset({drifted[scope * len(KEYS)]["site_id"]})
    for query in QUERIES:
        expected = [
            (row["identity"], row["key"])
            for row in drifted
            if _fits(row, query) and (site_ids is None or row["site_id"] in site_ids)
        ]
        found: list[tuple[str, str]] = []
        cursor: str | None = None
        while True:
            asked = DriftQuery(state=query.state, template=query.template, q=query.q, limit=query.limit, cursor=cursor)
            page = await templates.list_drift(database, asked, site_ids)
            assert page.total == len(expected), query
            found += [(row.identity, row.variable.partition(".")[2]) for row in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert found == expected, query


def _fits(row: dict[str, Any], query: DriftQuery) -> bool:
    states = {query.state.value} if query.state is not None else {one.value for one in WishState if one not in SETTLED}
    return (
        row["state"] in states
        and query.template in {None, row["source_id"]}
        and (query.q.lower() in row["identity"].lower() or query.q.lower() in row["key"])
    )


async def test_stations_that_are_not_as_desired_are_counted(database: Database, drifted: list[dict[str, Any]]) -> None:
    assert await templates.count_drifted(database, None) == 9
    site = drifted[0]["site_id"]
    assert await templates.count_drifted(database, frozenset({site})) == 3
    assert await templates.count_drifted(database, frozenset()) == 0

"""Every page answers: empty and full, to those who may see it, with whatever stations say of themselves escaped."""

import re

import pytest

from web.console.conftest import House, Person, words
from web.console.network import HOSTILE, Network

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

LISTS = ("/console", "/console/stations", "/console/sessions", "/console/attempts", "/console/stations/new")


def addresses(net: Network) -> list[str]:
    station, evil = net.stations["NYA-01"], net.stations["EVIL-1"]
    tabs = (
        "",
        "/commands",
        "/log",
        "/timeline",
        "/sessions",
        "/attempts",
        "/settings",
        "/commands?action=DataTransfer",
    )
    of_stations = [f"/console/stations/{one}{tab}" for one in (station, evil) for tab in tabs]
    of_sessions = [f"/console/sessions/{one}" for one in net.sessions.values()]
    return [*LISTS, *of_stations, *of_sessions, "/console/stations?q=%3Cscript%3E", "/console/attempts?period=7d"]


@pytest.mark.parametrize("path", LISTS)
async def test_empty_page_says_what_to_do_next(operator: Person, path: str) -> None:
    page = words(await operator.page(path))
    assert re.search(r"Add a station|Point a station|Nobody was refused|Register a card", page)


async def test_every_page_shows_what_comes_from_outside_as_text(house: House, operator: Person, net: Network) -> None:
    for path in addresses(net):
        page = await operator.page(path)
        assert "<script>alert" not in page, path
        assert not re.search(r"<b onload", page), path
        assert not re.search(r"\sonload=(?!x&gt;)", re.sub(r"&[a-z]+;|&#\d+;", "", page).replace("b onload=x", "")), (
            path
        )
    assert HOSTILE in words(await operator.page(f"/console/stations/{net.stations['EVIL-1']}"))

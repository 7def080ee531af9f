"""Every page answers: empty and full, to those who may see it, with whatever stations say of themselves escaped."""

import re

import pytest

from web.console.conftest import Person, words
from web.console.network import HOSTILE, Network

LISTS = ("/console", "/console/stations", "/console/sessions", "/console/attempts", "/console/stations/new")
MORE = ("/console/reservations", "/console/admission", "/console/tokens", "/console/tokens/new")


def addresses(net: Network) -> list[str]:
    station, evil = net.stations["NYA-01"], net.stations["EVIL-1"]
    tabs = (
        "",
        "/commands",
        "/log",
        "/timeline",
        "/uptime",
        "/uptime?days=365",
        "/sessions",
        "/attempts",
        "/settings",
        "/admission",
        "/reserve",
        "/commands?action=DataTransfer",
    )
    of_stations = [f"/console/stations/{one}{tab}" for one in (station, evil) for tab in tabs]
    of_sessions = [f"/console/sessions/{one}" for one in net.sessions.values()]
    return [
        *LISTS,
        *MORE,
        *of_stations,
        *of_sessions,
        "/console/stations?q=%3Cscript%3E",
        "/console/attempts?period=7d",
    ]


@pytest.mark.parametrize("path", LISTS)
async def test_empty_page_says_what_to_do_next(operator: Person, path: str) -> None:
    page = words(await operator.page(path))
    assert re.search(r"Add a station|Point a station|Nobody was refused|Register a card", page)


async def test_every_page_shows_what_comes_from_outside_as_text(operator: Person, net: Network) -> None:
    for path in addresses(net):
        page = await operator.page(path)
        assert "<script>alert" not in page, path
        assert not re.search(r"<b onload", page), path
        assert not re.search(r"\sonload=(?!x&gt;)", re.sub(r"&[a-z]+;|&#\d+;", "", page).replace("b onload=x", "")), (
            path
        )
    assert HOSTILE in words(await operator.page(f"/console/stations/{net.stations['EVIL-1']}"))


async def test_every_page_is_whole_and_names_its_parts_once(operator: Person, net: Network) -> None:
    for path in addresses(net):
        page = await operator.page(path)
        assert page.rstrip().endswith("</html>"), path
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert sorted({one for one in ids if ids.count(one) > 1}) == [], path
        assert re.search(r"<title>[^<]+ \u00b7 Ingufu</title>", page), path


async def test_page_that_names_a_part_of_another_page_is_rendered_without_it(operator: Person, net: Network) -> None:
    station = net.stations["NYA-01"]
    sheet = await operator.client.get(f"/console/stations/{station}/actions/reset", headers={"X-Dialog": "1"})
    assert "<html" not in sheet.text
    assert "Reset NYA-01?" in words(sheet.text)
    assert "1 session runs there now" in words(sheet.text)


async def test_overview_says_how_the_network_is(operator: Person, net: Network) -> None:
    page = words(await operator.page("/console"))
    for text in (
        "of 13 stations, 2 offline",
        "1 waiting for approval",
        "3 sessions",
        "Kigali Heights",
        "GroundFailure",
        "Offline unexpectedly",
        "Revenue today",
    ):
        assert text in page
    assert "than Sunday last week" in page


async def test_sites_of_the_map_say_how_they_are(operator: Person, net: Network) -> None:
    sites = (await operator.client.get("/console/overview/sites.json")).json()["sites"]
    by_name = {site["name"]: site for site in sites}
    assert by_name["Kigali Heights"]["tone"] == "bad"
    assert by_name["Kigali Heights"]["status"] == "1 faulted"
    assert by_name["Musanze Gate"]["status"] == "2 of 3 online"


async def test_curve_of_the_network_has_two_days_of_quarters_of_an_hour(operator: Person, net: Network) -> None:
    data = (await operator.client.get("/console/overview/power.json")).json()
    now, before = data["series"]
    assert data["zone"] == "Africa/Kigali"
    assert len(now["points"]) == len(before["points"]) == 96
    assert now["points"][-1][0] == before["points"][-1][0]
    assert max(power for _, power in now["points"]) > 50
    assert max(power for _, power in before["points"]) > 5


async def test_unknown_address_is_a_page_for_people_and_a_problem_for_programs(operator: Person) -> None:
    assert "There is no such page" in words(await operator.page("/console/nothing/here", status=404))
    assert "There is no such page" in words(await operator.page("/nothing", status=404))
    answer = await operator.client.get("/nothing", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert "There is nothing here" in words(await operator.page("/console/stations/no-such-station", status=404))


async def test_filter_that_cannot_be_is_a_page_that_says_so(operator: Person) -> None:
    assert "That cannot be understood" in words(await operator.page("/console/stations?status=lost", status=422))


async def test_scripts_are_compressed_and_kept_for_ever(operator: Person) -> None:
    page = await operator.page("/console/stations")
    address = re.findall(r'src="(/static/ingufu[^"]+)"', page)[0]
    answer = await operator.client.get(address)
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    again = await operator.client.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    for hostile in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/nothing.js", "/static//etc/passwd"):
        assert (await operator.client.get(hostile)).status_code == 404


async def test_page_is_shown_in_its_readers_language(operator: Person) -> None:
    answer = await operator.client.get("/console/stations", headers={"Accept-Language": "de, xx;q=0.9"})
    assert '<html lang="en-GB"' in answer.text

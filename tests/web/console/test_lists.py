"""Lists are searched, filtered, sorted and paged by their address; what is exported cannot harm a spreadsheet."""

import csv
import io
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from ingufu.accounts.tables import audit
from ingufu.stations.model import Boot, ConnectorStatus
from ingufu.views.frames import Frame
from ingufu.web.api.exports import SESSIONS
from ingufu.web.console.log import decoded, excerpt
from ingufu.web.spreadsheets import cell
from web.console.conftest import House, Person, words
from web.console.network import HOSTILE, Network, session, status


def rows(page: str) -> list[str]:
    """The first cell's text of each row of the page's table."""
    return [words(one) for one in re.findall(r'class="lead-cell"><a[^>]*>(.*?)</a>', page)]


async def listed(person: Person, query: str) -> list[str]:
    return rows(await person.page(f"/console/stations?{query}"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=nya-0", ["NYA-01", "NYA-02", "NYA-03"]),
        ("q=%25", []),
        ("q=kempower&online=yes", ["KIG-01", "NYA-02"]),
        ("status=charging", ["KIG-02", "MUS-01", "NYA-01"]),
        ("status=faulted&q=kig", ["KIG-01"]),
        ("status=waiting", ["RWA-0007"]),
        ("status=offline", ["MUS-03", "UNI-03"]),
        ("approval=waiting&online=no", ["RWA-0007"]),
        ("version=2.0.1&vendor=ABB", ["KIG-03", "MUS-01", "UNI-02"]),
        ("firmware=24.3.1&sort=-identity", ["NYA-02", "MUS-03", "KIG-01"]),
    ],
)
async def test_stations_are_found_by_search_and_filters(
    operator: Person, net: Network, query: str, found: list[str]
) -> None:
    assert await listed(operator, query) == found


async def test_stations_are_filtered_by_site(operator: Person, net: Network) -> None:
    assert await listed(operator, f"site={net.sites['Musanze Gate']}") == ["MUS-01", "MUS-02", "MUS-03"]


async def test_nothing_found_offers_to_clear_the_filters(operator: Person, net: Network) -> None:
    page = await operator.page("/console/stations?q=zzz&status=faulted")
    assert "No station fits" in words(page)
    assert "Clear the filters" in words(page)


async def test_long_list_is_paged_and_sorted_by_its_address(house: House, operator: Person, net: Network) -> None:
    for number in range(60):
        await house.station(f"ZZZ-{number:03d}")
    first = await operator.page("/console/stations?q=zzz")
    assert "50 of 60" in words(first)
    following = re.findall(r'rel="next" href="([^"]+)"', first)[0].replace("&amp;", "&")
    second = await operator.page(following)
    assert rows(second) == [f"ZZZ-{number:03d}" for number in range(50, 60)]
    assert re.findall(r'rel="first" href="([^"]+)"', second) == ["/console/stations?q=zzz"]
    assert 'href="/console/stations?q=zzz&amp;sort=-identity"' in first
    assert "That cannot be understood" in words(await operator.page(f"{following}x&sort=vendor", status=422))


async def test_sessions_are_found_by_station_card_driver_and_state(operator: Person, net: Network) -> None:
    async def found(query: str) -> list[str]:
        page = await operator.page(f"/console/sessions?{query}")
        return re.findall(r'id="session-([0-9a-f-]{36})"', page)

    assert set(await found("running=yes")) == {net.sessions[f"{one}-live"] for one in ("NYA-01", "KIG-02", "MUS-01")}
    assert set(await found("q=UNI-01")) == {id_ for name, id_ in net.sessions.items() if name.startswith("UNI-01")}
    by_driver = await found("q=diane")
    assert by_driver
    assert set(by_driver) == set(await found(f"q={net.tokens[0]}"))
    assert net.sessions["odd"] in await found("odd=yes&running=no")
    assert set(await found("q=NYA-01&odd=no")) == {net.sessions["NYA-01-live"]}
    assert await found("q=%25%25") == []
    assert set(await found("since=2026-02-22&until=2026-02-22")) == {
        id_ for name, id_ in net.sessions.items() if "-7-" in name
    }
    assert set(await found(f"site={net.sites['Musanze Gate']}")) == {net.sessions["MUS-01-live"]}


async def test_days_begin_at_midnight_of_the_site(operator: Person, net: Network) -> None:
    late = await session(
        net, "KIG-03", 2, net.tokens[0], net.now.replace(day=1, month=2, hour=22, minute=30), 6, 11.0
    )  # 00:30 of the 2nd in Kigali
    assert late not in await operator.page("/console/sessions?since=2026-02-01&until=2026-02-01")
    assert late in await operator.page("/console/sessions?since=2026-02-02&until=2026-02-02")


async def test_sums_are_told_for_what_is_listed(operator: Person, net: Network) -> None:
    page = words(await operator.page("/console/sessions?q=KIG-03"))
    assert re.search(r"1 session ?, \d\.\d\d kWh", page)
    assert "in the last 30 days" in words(await operator.page("/console/sessions"))


async def test_many_sessions_are_searched_and_paged_in_order(operator: Person, net: Network) -> None:
    for number in range(55):
        await session(net, "UNI-02", 1, net.tokens[number % 2], net.now - timedelta(hours=number + 2), 3, 7.0)
    first = await operator.page("/console/sessions?q=UNI-0")
    again = await operator.page(re.findall(r'rel="next" href="([^"]+)"', first)[0].replace("&amp;", "&"))
    shown = re.findall(r'id="session-([0-9a-f-]{36})"', first) + re.findall(r'id="session-([0-9a-f-]{36})"', again)
    assert len(shown) == len(set(shown)) == 55 + sum(name.startswith("UNI-01") for name in net.sessions)


async def test_export_has_every_session_and_no_formula(operator: Person, net: Network) -> None:
    await session(
        net, "KIG-03", 2, '=HYPERLINK("http://evil")'[:20], net.now - timedelta(hours=2), 6, 11.0, reference="@SUM(A1)"
    )
    answer = await operator.client.get("/console/sessions.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert re.search(r'attachment; filename="sessions-2026-03-01\.csv"', answer.headers["content-disposition"])
    table = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert {row["id"] for row in table} >= set(net.sessions.values())
    hostile = next(row for row in table if row["reference"] == "'@SUM(A1)")
    assert hostile["token"].startswith("'=HYPERLINK")
    assert hostile["started_at"] == "2026-03-01T10:00:00Z"
    assert hostile["time_zone"] == "Africa/Kigali"
    assert all(not value.startswith(("=", "+", "-", "@")) for row in table for value in row.values())


async def test_export_of_sessions_stands_in_the_audit_trail(operator: Person, net: Network) -> None:
    for form in ("csv", "parquet"):
        assert (await operator.client.get(f"/console/sessions.{form}?running=yes")).status_code == 200
    told = await net.services.database.select(
        select(audit.c.details).where(audit.c.action == f"{SESSIONS.name}.export")
    )
    assert [row["details"] for row in told] == [
        {"form": form, "query": {"running": "yes"}} for form in ("csv", "parquet")
    ]


@pytest.mark.parametrize("risky", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(risky: str) -> None:
    assert cell(risky) == f"'{risky}"
    assert cell(-5) == "-5"  # a number of ours


async def test_session_tells_what_was_odd_and_what_was_done(operator: Person, net: Network) -> None:
    page = words(await operator.page(f"/console/sessions/{net.sessions['odd']}"))
    for text in (
        "2 anomalies",
        "Charged although the card was refused",
        "Messages are missing",
        "the card is not registered",
        "Vehicle unplugged",
        "Register at start",
    ):
        assert text in page


async def test_curve_of_a_session_has_power_energy_and_charge(operator: Person, net: Network) -> None:
    data = (await operator.client.get(f"/console/sessions/{net.sessions['NYA-01-live']}/chart.json")).json()
    power, energy, soc = data["series"]
    assert data["zone"] == "Africa/Kigali"
    assert (power["unit"], energy["unit"], soc["unit"]) == ("kW", "kWh", "%")
    assert energy["points"][0][1] == 0
    assert energy["points"][-1][1] > 30
    assert len(power["points"]) == len(energy["points"]) == len(soc["points"]) == 15


async def test_power_is_drawn_from_the_register_where_none_was_told(
    house: House, operator: Person, net: Network
) -> None:
    import ingufu.web.console.session as page

    points = (await page.views.get_series(house.database, net.sessions["NYA-02-1-5"], 400)).points
    import msgspec

    silent = [msgspec.structs.replace(point, power_w=None) for point in points]
    drawn = page._power(silent)
    told = page._power(points)
    assert drawn["step"] is True
    assert max(value for _, value in drawn["points"]) == pytest.approx(
        max(value for _, value in told["points"]), rel=0.2
    )


async def test_log_is_filtered_by_direction_message_time_and_session(operator: Person, net: Network) -> None:
    base = f"/console/stations/{net.stations['NYA-01']}/log"

    async def found(query: str) -> list[tuple[str, str]]:
        page = await operator.page(f"{base}?{query}")
        frames = re.findall(r'<li class="frame.*?</details></li>', page, flags=re.DOTALL)
        return [(re.findall(r"way-(in|out)", one)[0], re.findall(r"<strong>(.*?)</strong>", one)[0]) for one in frames]

    assert len(await found("")) == 50
    assert set(await found("direction=in&action=Heartbeat")) == {("in", "Heartbeat")}
    assert len(await found("direction=in&action=Heartbeat")) == 20
    session = f"session={net.sessions['NYA-01-live']}"
    assert len(await found(f"{session}&direction=in")) == 32  # since it began
    assert set(await found(session)) == {("in", "TransactionEvent"), ("out", "TransactionEvent")}
    assert len(await found("q=%22seqNo%22:59")) == 1
    assert len(await found("since=2026-03-01T13:30&until=2026-03-01T13:35:30")) == 12  # Kigali is two hours ahead
    assert await found("since=rubbish&direction=in&action=Heartbeat&q=nothing") == []


async def test_older_messages_are_loaded_and_answers_tell_how_long_they_took(operator: Person, net: Network) -> None:
    page = await operator.page(f"/console/stations/{net.stations['NYA-01']}/log")
    assert "14 ms" in words(page)
    older = re.findall(r'id="older"><a class="btn" href="([^"]+)"', page)[0].replace("&amp;", "&")
    assert len(re.findall(r'<li class="frame', await operator.page(older))) == 50


async def test_one_message_is_shown_decoded_or_as_it_came(operator: Person, net: Network) -> None:
    page = await operator.page(f"/console/stations/{net.stations['EVIL-1']}/log")
    ids = re.findall(r'id="frame-(\d+)"', page)
    bodies = [await operator.page(f"/console/stations/{net.stations['EVIL-1']}/log/{one}") for one in ids]
    assert any(HOSTILE in words(body) for body in bodies)
    assert any("{not json" in words(body) for body in bodies)
    foreign = f"/console/stations/{net.stations['NYA-01']}/log/{ids[0]}"
    assert "There is nothing here" in words(await operator.page(foreign, status=404))


def frame(text: str, **fields: Any) -> Frame:
    from datetime import UTC, datetime

    return Frame(
        id=1,
        at=datetime(2026, 3, 1, tzinfo=UTC),
        station_id="s",
        connection_id="c",
        is_inbound=True,
        text=text,
        size=len(text),
        **fields,
    )


@pytest.mark.parametrize(
    ("text", "kind", "action", "value", "short"),
    [
        ('[2,"m1","Reset",{"type":"Soft"}]', 2, "Reset", {"type": "Soft"}, '{"type":"Soft"}'),
        ('[3,"m1",{"status":"Accepted"}]', 3, "Reset", {"status": "Accepted"}, '{"status":"Accepted"}'),
        ('[4,"m1","NotSupported","no",{}]', 4, "Reset", [4, "m1", "NotSupported", "no", {}], '"NotSupported","no",{}'),
        ("[2,", None, None, None, "[2,"),
        ("[" * 5000, None, None, None, "[" * 160 + "\u2026"),
    ],
)
def test_message_is_decoded_and_cut_for_its_row(
    text: str, kind: int | None, action: str | None, value: Any, short: str
) -> None:
    row = frame(text, message_type=kind, message_id="m1" if kind else None, action=action)
    assert decoded(row) == value
    assert excerpt(row) == short


async def test_timeline_is_filtered_and_older_events_are_loaded(house: House, operator: Person, net: Network) -> None:
    for number in range(60):
        word, raw = (ConnectorStatus.FAULTED, "Faulted") if number % 2 else (ConnectorStatus.AVAILABLE, "Available")
        await status(net, "KIG-03", 2, raw, word, net.now - timedelta(minutes=60 - number))
    base = f"/console/stations/{net.stations['KIG-03']}/timeline"
    page = await operator.page(f"{base}?about=status")
    assert "Session started" not in words(page)
    assert words(page).count("EVSE 2: Faulted") == 25
    older = re.findall(r'id="older"><a class="btn" href="([^"]+)"', page)[0].replace("&amp;", "&")
    assert "about=status" in older
    assert "EVSE 1: Available" in words(await operator.page(older))
    assert "Session started at EVSE 1" in words(await operator.page(f"{base}?about=sessions"))
    assert "Nothing here" in words(await operator.page(f"{base}?about=notices"))


@pytest.mark.parametrize("was_asked", [False, True])
async def test_timeline_says_whether_a_station_started_or_was_asked_about_itself(
    house: House, operator: Person, net: Network, was_asked: bool
) -> None:
    station = await house.services.stations.get(net.stations["KIG-03"])
    async with house.services.database.work() as work:
        boot = Boot(vendor="V", model="M", was_asked=was_asked)
        await house.services.stations.boot(work, station, boot, net.now)
    page = words(await operator.page(f"/console/stations/{station.id}/timeline?about=connection"))
    newest = page[page.index("V M. Heard: Accepted") - 60 :]
    assert ("Told about itself, as asked" in newest, "Started up" in newest[:60]) == (was_asked, not was_asked)


async def test_refusals_are_counted_explained_and_filtered(operator: Person, net: Network) -> None:
    page = words(await operator.page("/console/attempts"))
    assert re.search(r"MUS-03 Its password is wrong Generate a new password here .* 412 times", page)
    assert "/steve/websocket/CentralSystemService/X1" in page
    only = words(await operator.page("/console/attempts?cause=wrong-path"))
    assert "MUS-03" not in only
    assert "RWA-0007" in words(await operator.page("/console/attempts?q=rwa&period=30d"))
    assert "No refusal fits" in words(await operator.page(f"/console/attempts?q={quote('%')}"))


async def test_station_tells_how_it_connected_and_why_it_did_not(operator: Person, net: Network) -> None:
    refused = words(await operator.page(f"/console/stations/{net.stations['MUS-03']}/attempts"))
    assert "Its password is wrong" in refused
    connected = words(await operator.page(f"/console/stations/{net.stations['NYA-03']}/attempts"))
    assert "still connected" in connected


async def test_station_tells_how_much_of_the_time_it_could_be_used(operator: Person, net: Network) -> None:
    flapped = words(await operator.page(f"/console/stations/{net.stations['NYA-03']}/uptime?days=7"))
    assert "Could be used EVSE 1" in flapped
    assert re.search(r"1, 2 No connection 40.min", flapped)
    assert "1, 2 No connection" not in words(await operator.page(f"/console/stations/{net.stations['NYA-01']}/uptime"))
    lasts = words(await operator.page(f"/console/stations/{net.stations['MUS-03']}/uptime"))
    assert re.search(r"No connection 1.d 2.h It lasts", lasts)
    faulted = words(await operator.page(f"/console/stations/{net.stations['KIG-01']}/uptime"))
    assert "1 Fault GroundFailure" in faulted
    empty = words(await operator.page(f"/console/stations/{net.stations['RWA-0007']}/uptime"))
    assert "No EVSE known yet" in empty
    await operator.page(f"/console/stations/{net.stations['NYA-03']}/uptime?days=8", status=422)

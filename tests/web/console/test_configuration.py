"""What people see and do about configuration: a station's variables and wishes, templates, drift, bulk."""

import asyncio
import re
from typing import Any

import pytest

from ingufu.configuration.model import DataType, Mutability, Origin, Reach, ResetState, TemplateFields, Told
from ingufu.core.commands import Outcome, ResetKind, ResetStation
from ingufu.core.configuration import ReadResult, VariablesRead, VariablesWritten, WriteResult
from ingufu.core.variables import parse
from web.console.conftest import House, Person, words
from web.console.network import Network

INTERVAL, OFFLINE = "SampledDataCtrlr.TxUpdatedInterval", "AuthCtrlr.LocalAuthorizeOffline"
DEADLINE_S = 15


@pytest.fixture
async def station(house: House, net: Network) -> str:
    """A station of which some variables are known."""
    station_id = net.stations["NYA-01"]
    told = [
        Told(
            name=parse(INTERVAL), value="60", mutability=Mutability.READ_WRITE, data_type=DataType.INTEGER, unit="s",
            min_limit=10.0, max_limit=900.0,
        ),
        Told(name=parse(OFFLINE), value="true", mutability=Mutability.READ_WRITE, data_type=DataType.BOOLEAN),
        Told(
            name=parse("TxCtrlr.TxStartPoint"), value="EVConnected,Authorized", mutability=Mutability.READ_WRITE,
            data_type=DataType.MEMBER_LIST, values_list="ParkingBayOccupancy,EVConnected,Authorized",
        ),
        Told(name=parse("EVSE@1.Power"), value="0", mutability=Mutability.READ_ONLY, data_type=DataType.DECIMAL, unit="W"),
        Told(name=parse("Vendor.<script>alert(1)</script>"), value="<b>x</b>", mutability=Mutability.READ_WRITE),
    ]  # fmt: skip
    async with house.database.work() as work:
        await house.services.configuration.keeping.tell(work, station_id, told, house.clock.now(), origin=Origin.REPORT)
    return station_id


def page_of(station: str, rest: str = "") -> str:
    return f"/console/stations/{station}/configuration{rest}"


def answers(house: House, *pairs: tuple[str, str]) -> None:
    items = tuple(WriteResult(name=parse(name), status=status, reason="because") for name, status in pairs)
    house.link.outcomes["WriteVariables"] = VariablesWritten(status="Accepted", is_accepted=True, items=items)


async def test_the_tab_shows_what_is_known_and_finds_it(operator: Person, station: str) -> None:
    page = await operator.page(page_of(station))
    text = words(page)
    assert "60 s" in text
    assert "Readings while charging" in text
    assert "10 \u2013 900" in text
    assert "<script>alert" not in page
    found = words(await operator.page(page_of(station, "?q=updatedinterval")))
    assert INTERVAL in found
    assert OFFLINE not in found.partition("Name, key or value")[2]
    fixed = words(await operator.page(page_of(station, "?show=writable")))
    assert "EVSE@1.Power" not in fixed
    assert "No variable fits" in words(await operator.page(page_of(station, "?q=nothing-like-it")))


async def test_a_variable_is_set_once_with_its_limits(house: House, operator: Person, station: str) -> None:
    form = await operator.page(page_of(station, f"/edit?variable={INTERVAL}"))
    assert re.search(r'type="number"[^>]*value="60"', form)
    assert 'max="900.0"' in form
    answers(house, (INTERVAL, "Accepted"))
    house.link.outcomes["ReadVariables"] = VariablesRead(
        status="Accepted", is_accepted=True, items=(ReadResult(name=parse(INTERVAL), status="Accepted", value="30"),)
    )
    wrong = await operator.send_by_script(page_of(station, "/edit"), variable=INTERVAL, value="5", how="once")
    assert wrong.status_code == 422
    assert "at least 10" in wrong.text
    done = await operator.send_by_script(page_of(station, "/edit"), variable=INTERVAL, value="30", how="once")
    assert done.headers["hx-redirect"] == page_of(station)
    assert [type(command).__name__ for _, command in house.link.commands] == ["WriteVariables", "ReadVariables"]
    page = words(await operator.page(page_of(station)))
    assert "1 of 1 accepted" in page
    assert "30 s" in page
    assert "History" in await operator.page(page_of(station, f"/edit?variable={INTERVAL}"))


async def test_a_value_is_desired_shown_as_different_set_and_forgotten(
    house: House, operator: Person, station: str
) -> None:
    answer = await operator.send(page_of(station, "/edit"), variable=INTERVAL, value="45", how="keep")
    assert answer.status_code == 303
    page = words(await operator.page(page_of(station)))
    assert "1 value differs" in page
    assert "Set for this station itself" in page
    answers(house, (INTERVAL, "Rejected"))
    await operator.send(page_of(station, "/apply"), variable=INTERVAL)
    page = words(await operator.page(page_of(station)))
    assert "Refused" in page
    assert "because" in page
    drift = words(await operator.page("/console/configuration"))
    assert "NYA-01" in drift
    assert "1 station" in drift
    await operator.send(page_of(station, "/edit"), variable=INTERVAL, value="", how="forget")
    assert "Nothing is desired" in words(await operator.page(page_of(station)))
    assert "Every station is as desired" in words(await operator.page("/console/configuration"))


async def test_members_of_a_list_are_ticked(house: House, operator: Person, station: str) -> None:
    form = await operator.page(page_of(station, "/edit?variable=TxCtrlr.TxStartPoint"))
    assert len(re.findall(r'type="checkbox"[^>]*name="value"[^>]*checked', form)) == 2
    await operator.client.post(
        page_of(station, "/edit"),
        data={
            "csrf_token": operator.token,
            "variable": "TxCtrlr.TxStartPoint",
            "is_list": "true",
            "value": ["ParkingBayOccupancy", "Authorized"],
            "how": "keep",
        },
    )
    (wish,) = await house.services.configuration.wishes.wanted(station)
    assert wish.value == "ParkingBayOccupancy,Authorized"


async def test_everything_is_read_and_the_progress_is_followed(house: House, operator: Person, net: Network) -> None:
    station = net.stations["NYA-03"]
    assert (await operator.send(page_of(station, "/report"))).status_code == 303
    page = await operator.page(page_of(station))
    assert "hx-get" in page
    assert "Asked for" in words(page)
    progress = await operator.client.get(page_of(station, "/progress"))
    assert "0 variables so far" in words(progress.text)
    house.clock.advance(1000)
    await house.services.configuration.care.end_silent_reports()
    over = await operator.client.get(page_of(station, "/progress"))
    assert over.headers["hx-refresh"] == "true"
    assert "Nothing came" in words(await operator.page(page_of(station)))


async def test_a_scheduled_reset_and_a_needed_one_are_shown(house: House, operator: Person, station: str) -> None:
    house.link.outcomes["ResetStation"] = Outcome(status="Scheduled", is_accepted=True)
    await operator.send_by_script(f"/console/stations/{station}/actions/reset", kind="on-idle", evse="1")
    assert house.link.commands == [(station, ResetStation(kind=ResetKind.ON_IDLE, evse=1))]
    assert "A reset is scheduled" in words(await operator.page(page_of(station)))
    (record,) = await house.services.configuration.resetting.resets(station)
    assert record.state is ResetState.SCHEDULED
    answers(house, (OFFLINE, "RebootRequired"))
    await operator.send(page_of(station, "/edit"), variable=OFFLINE, value="false", how="once")
    assert "A reset is needed" in words(await operator.page(page_of(station)))


async def test_a_network_profile_is_sent_unless_it_lowers_security(operator: Person, net: Network) -> None:
    station = net.stations["NYA-03"]
    form = await operator.page(page_of(station, "/network"))
    assert "Send a network profile" in words(form)
    low = {"slot": "2", "url": "ws://csms.example/ocpp", "security_profile": "0", "message_timeout_s": "30"}
    refused = await operator.send_by_script(page_of(station, "/network"), **low)
    assert refused.status_code == 422
    assert "security profile 1" in refused.text
    fine = low | {"url": "wss://csms.example/ocpp", "security_profile": "2"}
    for weak in ("short", "x1y2z" * 13):
        refused = await operator.send_by_script(page_of(station, "/network"), **fine, password=weak)
        assert refused.status_code == 422
        assert "16 to 64 characters" in refused.text
        assert weak not in refused.text
    done = await operator.send_by_script(page_of(station, "/network"), **fine)
    assert done.status_code == 200
    page = words(await operator.page(page_of(station)))
    assert "wss://csms.example/ocpp" in page
    assert "security profile 2" in page


async def test_a_template_is_made_filled_given_and_deleted(house: House, operator: Person, station: str) -> None:
    new = "/console/configuration/templates/new"
    assert "Make the template" in words(await operator.page(new))
    wrong = await operator.send(new, name="", reach="everyone")
    assert wrong.status_code == 422
    made = await operator.send(new, name="House rules", reach="chosen", is_active="true")
    at = made.headers["location"]
    wrong = await operator.send(f"{at}/values", variable="what", value="1")
    assert wrong.status_code == 422
    await operator.send(f"{at}/values", variable=INTERVAL, value="45")
    await operator.send(f"{at}/values", variable=OFFLINE, value="true")
    await operator.send(f"{at}/stations", station=station)
    page = words(await operator.page(at))
    assert "NYA-01" in page
    assert "Different" in page
    assert "House rules" in words(await operator.page(page_of(station)))
    await operator.send(f"{at}/values", variable=OFFLINE, remove="true")
    assert len(await house.services.configuration.wishes.wanted(station)) == 1
    assert (await operator.send(at, name="House", reach="everyone", priority="3")).status_code == 303
    listed = words(await operator.page("/console/configuration"))
    assert "Switched off" in listed
    await operator.send(f"{at}/delete")
    assert await house.services.configuration.wishes.templates() == []


async def test_a_template_is_given_to_chosen_stations_with_a_result_for_each(
    house: House, operator: Person, net: Network, station: str
) -> None:
    async with house.database.work() as work:
        made = await house.services.configuration.wishes.create_template(
            work, TemplateFields(name="T", reach=Reach.CHOSEN)
        )
    await operator.send(f"/console/configuration/templates/{made.id}/values", variable=INTERVAL, value="45")
    answers(house, (INTERVAL, "Accepted"))
    away = next(one for name, one in net.stations.items() if one not in house.link.online and name != "NYA-01")
    chosen = [station, away]
    asked = await operator.client.post(
        "/console/stations/bulk", data={"csrf_token": operator.token, "action": "template", "station": chosen}
    )
    assert "Give 2 stations a template?" in words(asked.text)
    missing = await operator.client.post(
        "/console/runs", data={"csrf_token": operator.token, "action": "template", "station": chosen}
    )
    assert missing.status_code == 422
    begun = await operator.client.post(
        "/console/runs",
        data={"csrf_token": operator.token, "action": "template", "station": chosen, "template": made.id},
    )
    at = begun.headers["location"]
    async with asyncio.timeout(DEADLINE_S):
        while "2 of 2 asked" not in (text := words(await operator.page(at))):
            await asyncio.sleep(0.05)  # the run goes on in the background
    assert "offline" in text.lower()
    assert set(await house.services.configuration.wishes.members(made.id)) == set(chosen)


async def test_viewers_look_and_do_not_touch(viewer: Person, station: str) -> None:
    page = await viewer.page(page_of(station))
    assert "Read everything" not in page
    assert "/configuration/edit" not in page
    for path in ("/report", "/apply", "/edit", "/network"):
        assert (await viewer.send(page_of(station, path))).status_code == 403
    assert "New template" not in await viewer.page("/console/configuration")
    await viewer.page("/console/configuration/templates/new", 403)


async def test_what_is_not_there_is_not_found(operator: Person, station: str) -> None:
    await operator.page("/console/configuration/templates/nothing", 404)
    await operator.page(page_of("nobody"), 404)
    odd: Any = await operator.page(page_of(station, "/edit?variable=rubbish"), 422)
    assert "Component" in odd


async def test_the_timeline_tells_of_it_in_plain_words(house: House, operator: Person, station: str) -> None:
    answers(house, (INTERVAL, "Rejected"))
    await operator.send(page_of(station, "/edit"), variable=INTERVAL, value="45", how="keep")
    await operator.send(page_of(station, "/apply"))
    await operator.send_by_script(f"/console/stations/{station}/actions/reset", kind="immediate")
    house.link.outcomes["ResetStation"] = Outcome(status="Rejected", is_accepted=False)
    await operator.send_by_script(f"/console/stations/{station}/actions/reset", kind="immediate")
    told = words(await operator.page(f"/console/stations/{station}/timeline?about=commands"))
    for sentence in (
        "What is desired changed", "1 value differs", "Variables set: 0 accepted, 1 refused", "Reset: Refused",
        f"{INTERVAL}: Rejected",
    ):  # fmt: skip
        assert sentence in told

"""What people do on the pages reaches stations and storage just as by the API, and they hear what came of it."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from ingufu.core.commands import (
    Availability,
    ChangeAvailability,
    Outcome,
    RawReply,
    ReplyKind,
    ResetKind,
    ResetStation,
    StartCharging,
    StopCharging,
    Trigger,
    TriggerMessage,
    UnlockConnector,
)
from ingufu.core.errors import InvalidInput, StationTimeout
from ingufu.infra.secrets import station_password_matches
from ingufu.stations.model import Approval, BootAnswer
from web.console.conftest import House, Person, words
from web.console.network import Network

DEADLINE_S = 10


def toast(answer: httpx.Response) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(answer.headers["hx-trigger"])["toast"]
    return told


async def act(person: Person, net: Network, identity: str, name: str, **fields: object) -> httpx.Response:
    return await person.send_by_script(f"/console/stations/{net.stations[identity]}/actions/{name}", **fields)


async def audited(house: House) -> list[str]:
    return [entry.action for entry in await house.services.accounts.audit_trail()]


@pytest.mark.parametrize(
    ("name", "fields", "command"),
    [
        ("reset", {"kind": "on-idle"}, ResetStation(kind=ResetKind.ON_IDLE)),
        ("reset", {"kind": "immediate"}, ResetStation(kind=ResetKind.IMMEDIATE)),
        ("stop", {"transaction": "8K2-142"}, StopCharging(reference="8K2-142")),
        ("unlock", {"evse": "2", "connector": "1"}, UnlockConnector(evse=2, connector=1)),
        ("availability", {"availability": "inoperative", "evse": "1"}, ChangeAvailability(availability=Availability.INOPERATIVE, evse=1)),
        ("availability", {"availability": "operative", "evse": ""}, ChangeAvailability(availability=Availability.OPERATIVE)),
        ("trigger", {"trigger": "status", "evse": ""}, TriggerMessage(trigger=Trigger.STATUS)),
    ],
)  # fmt: skip
async def test_action_reaches_the_station_and_its_answer_is_told(
    house: House, operator: Person, net: Network, name: str, fields: dict[str, str], command: Any
) -> None:
    answer = await act(operator, net, "NYA-01", name, **fields)
    assert answer.status_code == 204
    assert house.link.commands == [(net.stations["NYA-01"], command)]
    assert toast(answer)["message"].endswith(": Accepted")
    assert toast(answer).get("tone", "ok") == "ok"
    assert "station.command" in await audited(house)


async def test_start_sends_the_card_and_says_what_the_station_answered(
    house: House, operator: Person, net: Network
) -> None:
    house.link.outcomes["StartCharging"] = Outcome(status="Rejected", is_accepted=False)
    answer = await act(operator, net, "KIG-03", "start", token=net.tokens[3], evse="2")
    assert toast(answer) == {"message": "Start charging: Rejected", "detail": "KIG-03 answered", "tone": "wait"}
    command = house.link.commands[0][1]
    assert isinstance(command, StartCharging)
    assert (command.token, command.evse) == (net.tokens[3], 2)


async def test_card_that_would_be_refused_is_not_sent_unless_one_insists(
    house: House, operator: Person, net: Network
) -> None:
    answer = await act(operator, net, "KIG-03", "start", token="nobody's", evse="")
    assert answer.status_code == 422
    assert "The token would be refused" in words(answer.text)
    assert "nobody&#39;s" in answer.text  # what was entered stays
    assert house.link.commands == []
    assert (await act(operator, net, "KIG-03", "start", token="nobody's", force="true")).status_code == 204
    assert len(house.link.commands) == 1


async def test_station_that_is_away_or_silent_is_told_in_plain_words(
    house: House, operator: Person, net: Network
) -> None:
    away = await act(operator, net, "MUS-03", "reset")
    assert toast(away) == {"message": "The station is not connected", "detail": "MUS-03", "tone": "bad"}
    house.link.outcomes["ResetStation"] = StationTimeout()
    silent = await act(operator, net, "NYA-01", "reset")
    assert toast(silent)["message"] == "The station did not answer in time"


async def test_action_works_without_script_and_tells_on_the_next_page(operator: Person, net: Network) -> None:
    base = f"/console/stations/{net.stations['NYA-01']}"
    assert "Reset NYA-01?" in words(await operator.page(f"{base}/actions/reset"))
    answer = await operator.send(f"{base}/actions/reset", kind="on-idle")
    assert answer.headers["location"] == base
    assert "Reset: Accepted NYA-01 answered" in words(await operator.page(base))
    assert "NYA-01 answered" not in words(await operator.page(base))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("trigger", {"trigger": "coffee"}),
        ("availability", {"evse": "-1"}),
        ("unlock", {"evse": "x"}),
        ("start", {"token": ""}),
    ],
)
async def test_what_cannot_be_is_said_beside_its_field(
    house: House, operator: Person, net: Network, name: str, fields: dict[str, str]
) -> None:
    answer = await act(operator, net, "NYA-01", name, **fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert house.link.commands == []


async def test_a_connector_of_a_16_station_that_is_out_as_a_whole_is_not_put_into_service(
    house: House, operator: Person, net: Network
) -> None:
    versions = {name: (await house.services.stations.get(id_)).ocpp_version for name, id_ in net.stations.items()}
    old = next(name for name, version in versions.items() if version == "1.6")
    await act(operator, net, old, "availability", availability="inoperative", evse="")
    answer = await act(operator, net, old, "availability", availability="operative", evse="1")
    assert answer.status_code == 422
    assert "Put the station into service first." in answer.text


async def test_unknown_action_and_availability_are_refused(operator: Person, net: Network) -> None:
    assert (await act(operator, net, "NYA-01", "explode")).status_code == 404
    assert (await act(operator, net, "NYA-01", "availability", availability="maybe")).status_code == 422


async def test_waiting_station_is_approved_from_the_attempts_in_one_click(
    house: House, operator: Person, net: Network
) -> None:
    page = await operator.page("/console/attempts")
    action = re.findall(r'action="([^"]+/actions/approve)"', page)[0]
    answer = await operator.send(action, keeps_password="true", back="attempts")
    assert answer.headers["location"] == "/console/attempts"
    station = await house.services.stations.get(net.stations["RWA-0007"])
    assert station.approval is Approval.APPROVED
    assert station.password_hash is not None
    assert "The station is approved" in words(await operator.page("/console/attempts"))
    assert "station.approve" in await audited(house)


async def test_refused_station_is_turned_away_and_its_connection_closed(
    house: House, operator: Person, net: Network
) -> None:
    await act(operator, net, "NYA-01", "refuse")
    assert (await house.services.stations.get(net.stations["NYA-01"])).approval is Approval.REFUSED
    assert house.link.disconnected == [net.stations["NYA-01"]]


async def test_new_station_gets_a_password_that_is_shown_once(house: House, operator: Person) -> None:
    answer = await operator.send(
        "/console/stations/new", identity="KGL-9", name="", site_id="", security_profile="1", secret="generate"
    )
    page = words(answer.text)
    assert answer.status_code == 200
    assert "KGL-9 was added" in page
    password = re.findall(r'data-copy="([0-9a-f]{40})"', answer.text)[0]
    station = await house.services.stations.find_by_identity("KGL-9")
    assert station is not None
    assert station_password_matches(station.password_hash, password.encode())
    assert password not in await operator.page(f"/console/stations/{station.id}")
    assert password not in await operator.page(f"/console/stations/{station.id}/settings")
    assert password not in str(await house.services.accounts.audit_trail())


async def test_mistakes_in_a_new_station_are_said_beside_their_fields(house: House, operator: Person) -> None:
    async def problem(**fields: str) -> str:
        answer = await operator.send(
            "/console/stations/new", **{"security_profile": "1", "secret": "generate", **fields}
        )
        assert answer.status_code == 422
        return words(answer.text)

    assert "This has to be filled in" in await problem(identity="")
    assert "16 to 64 characters" in await problem(identity="A", secret="own", password="short")
    await operator.send("/console/stations/new", identity="A-1", security_profile="1")
    assert "There is a station called a-1 already" in await problem(identity="a-1")
    assert await house.services.stations.find_by_identity("A") is None


async def test_own_password_of_a_new_station_is_taken(house: House, operator: Person) -> None:
    await operator.send(
        "/console/stations/new", identity="A-1", security_profile="1", secret="own", password=" a key with blanks "
    )
    station = await house.services.stations.find_by_identity("A-1")
    assert station is not None
    assert station_password_matches(station.password_hash, b" a key with blanks ")


async def test_new_password_is_shown_once_in_the_dialog(house: House, operator: Person, net: Network) -> None:
    answer = await act(operator, net, "NYA-01", "password", secret="generate")
    assert "It is shown only now" in words(answer.text)
    password = re.findall(r'data-copy="([0-9a-f]{40})"', answer.text)[0]
    station = await house.services.stations.get(net.stations["NYA-01"])
    assert station_password_matches(station.password_hash, password.encode())


async def test_station_that_charged_is_retired_and_another_deleted(
    house: House, operator: Person, net: Network
) -> None:
    sheet = await operator.client.get(
        f"/console/stations/{net.stations['MUS-03']}/actions/delete", headers={"X-Dialog": "1"}
    )
    assert "It has never charged" in words(sheet.text)
    answer = await act(operator, net, "MUS-03", "delete")
    assert answer.headers["hx-redirect"] == "/console/stations"
    assert await house.services.stations.find_by_identity("MUS-03") is None
    assert "The station is deleted" in words(await operator.page("/console/stations"))
    online = await act(operator, net, "NYA-01", "delete")
    assert online.status_code == 422
    assert "refuse it and close its connection first" in words(online.text)


async def test_settings_are_kept_and_the_holder_of_the_socket_told(
    house: House, operator: Person, net: Network
) -> None:
    base = f"/console/stations/{net.stations['NYA-01']}"
    answer = await operator.send(
        f"{base}/settings", name="At the gate", site_id=net.sites["Musanze Gate"], note="left of the door", security_profile="2",
        certificate_name="", assumed_version="ocpp1.6", ping_interval_s="30", is_strict="true",
    )  # fmt: skip
    assert answer.status_code == 303
    it = await house.services.stations.get(net.stations["NYA-01"])
    assert (it.name, it.site_id, it.note, it.security_profile) == (
        "At the gate",
        net.sites["Musanze Gate"],
        "left of the door",
        2,
    )
    assert (it.assumed_version, it.ping_interval_s, it.is_strict, it.is_silent, it.allows_compression) == (
        "ocpp1.6",
        30,
        True,
        False,
        False,
    )
    assert house.link.reloaded == [net.stations["NYA-01"]]
    assert "Saved" in words(await operator.page(f"{base}/settings"))


async def test_wrong_setting_is_said_and_what_was_entered_stays(operator: Person, net: Network) -> None:
    base = f"/console/stations/{net.stations['NYA-01']}"
    answer = await operator.send(f"{base}/settings", name="N" * 101, security_profile="1", ping_interval_s="")
    assert answer.status_code == 422
    assert "at most 100 characters" in words(answer.text)
    assert "N" * 101 in answer.text
    assert (await operator.send(f"{base}/settings", name="x", security_profile="7")).status_code == 422


async def test_boot_answer_and_connectors_are_set(house: House, operator: Person, net: Network) -> None:
    base = f"/console/stations/{net.stations['NYA-01']}"
    await operator.send(f"{base}/boot-answer", boot_answer="Pending")
    assert (await house.services.stations.get(net.stations["NYA-01"])).boot_answer is BootAnswer.PENDING
    await operator.send(f"{base}/connectors", evse="1", connector="1", kind="cMCS", max_power_kw="1200,5")
    plug = (await house.services.stations.topology(net.stations["NYA-01"]))[0][1][0]
    assert (plug.kind, plug.max_power_w) == ("cMCS", 1_200_500)
    assert (await operator.send(f"{base}/connectors", evse="1", connector="1", max_power_kw="lots")).status_code == 422
    asked = await operator.send(f"{base}/connectors", evse="1", connector="1", max_power_kw="7,400")
    assert "Is that 7400 or 7.400? Write it so." in words(asked.text)


async def test_command_form_is_sent_and_the_answer_shown(house: House, operator: Person, net: Network) -> None:
    base = f"/console/stations/{net.stations['KIG-03']}/commands"
    page = await operator.page(f"{base}?action=ChangeAvailability")
    assert 'name="p:operationalStatus"' in page
    house.link.replies["ChangeAvailability"] = RawReply(
        kind=ReplyKind.RESULT,
        message_id="m1",
        payload=msgspec.Raw(b'{"status":"Scheduled","note":"<script>"}'),
        duration_s=0.412,
    )
    answer = await operator.send_by_script(
        f"{base}/ChangeAvailability", **{"p:operationalStatus": "Inoperative", "validate": "true"}
    )
    assert house.link.raw == [
        (net.stations["KIG-03"], "ChangeAvailability", b'{"operationalStatus":"Inoperative"}', True, 30.0)
    ]
    shown = words(answer.text)
    assert "after 412 ms" in shown
    assert '"Scheduled"' in shown
    assert "<script>" not in answer.text
    assert "CommandAnswered" in [row.kind for row in (await events_of(house, net.stations["KIG-03"]))]


async def events_of(house: House, station_id: str) -> Any:
    from ingufu.views.timeline import EventQuery, list_events

    return (await list_events(house.database, EventQuery(station=station_id), None)).items


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (RawReply(kind=ReplyKind.OFFLINE), "The station is not connected. Nothing was sent."),
        (RawReply(kind=ReplyKind.TIMEOUT, message_id="m", duration_s=30.0), "No answer in time"),
        (RawReply(kind=ReplyKind.ERROR, message_id="m", error_code="NotSupported", error_description="no <b>such</b> thing", error_details=msgspec.Raw(b"{}"), duration_s=0.1), "NotSupported : no <b>such</b> thing"),
        (InvalidInput("Missing required field", field="type"), "Missing required field type"),
    ],
)  # fmt: skip
async def test_whatever_becomes_of_a_command_is_said(
    house: House, operator: Person, net: Network, reply: Any, text: str
) -> None:
    house.link.replies["Reset"] = reply
    path = f"/console/stations/{net.stations['NYA-01']}/commands/Reset"
    answer = await operator.send_by_script(path, **{"p:type": "Soft", "validate": "true"})
    assert text in words(answer.text)
    assert "<b>such" not in answer.text
    without = await operator.send(path, **{"p:type": "Soft", "validate": "true"})
    assert text in words(without.text)
    assert "&#34;type&#34;: &#34;Soft&#34;" in without.text  # to be mended and sent again


async def test_raw_payload_goes_out_byte_for_byte_and_unchecked_if_one_wants(
    house: House, operator: Person, net: Network
) -> None:
    path = f"/console/stations/{net.stations['NYA-01']}/commands/Reset"
    assert "&#34;type&#34;: &#34;Hard&#34;" in await operator.page(
        f"{path.removesuffix('/Reset')}?action=Reset&raw=yes"
    )
    house.link.replies["Reset"] = RawReply(kind=ReplyKind.RESULT, message_id="m", payload=msgspec.Raw(b"{}"))
    await operator.send_by_script(path, payload='{ "type": "Gentle",  "x": 1.0 }')
    assert house.link.raw[0][2:4] == (b'{ "type": "Gentle",  "x": 1.0 }', False)
    broken = await operator.send_by_script(path, payload="{")
    assert "The payload is not JSON" in words(broken.text)
    assert len(house.link.raw) == 1


async def test_parts_of_a_form_come_when_they_are_asked_for(operator: Person, net: Network) -> None:
    base = f"/console/stations/{net.stations['KIG-03']}/commands/RequestStartTransaction/part"
    closed = await operator.client.get(f"{base}?path=p:chargingProfile")
    assert "open=yes" in closed.text
    opened = await operator.client.get(f"{base}?path=p:chargingProfile&open=yes")
    assert 'name="p:chargingProfile.{}"' in opened.text
    assert 'name="p:chargingProfile.stackLevel"' in opened.text
    item = await operator.client.get(f"{base}?path=p:chargingProfile.chargingSchedule&item=yes")
    assert re.search(r'name="p:chargingProfile\.chargingSchedule\.[0-9a-f]+\.id"', item.text)
    assert (await operator.client.get(f"{base}?path=p:nothing")).status_code == 404
    assert (await operator.send(f"/console/stations/{net.stations['KIG-03']}/commands/Explode")).status_code == 404


async def test_bulk_command_asks_once_and_has_a_result_for_every_station(
    house: House, operator: Person, net: Network
) -> None:
    chosen = [net.stations[one] for one in ("NYA-01", "MUS-03", "KIG-03")]
    asked = await operator.send("/console/stations/bulk", action="reset", station=chosen)
    assert "Reset 3 stations?" in words(asked.text)
    assert "1 session runs at these stations now." in words(asked.text)
    assert house.link.commands == []
    house.link.outcomes["ResetStation"] = Outcome(status="Accepted", is_accepted=True)
    started = await operator.send("/console/runs", action="reset", station=chosen, kind="immediate")
    page = await results(operator, started.headers["location"], "3 of 3 asked")
    assert "2 accepted" in page
    assert re.search(r"MUS-03 Not done The station is not connected", page)
    assert {command for _, command in house.link.commands} == {ResetStation(kind=ResetKind.IMMEDIATE)}


async def results(person: Person, path: str, wanted: str) -> str:
    async with asyncio.timeout(DEADLINE_S):
        while wanted not in (page := words(await person.page(path))):
            await asyncio.sleep(0)
    return page


async def test_bulk_command_goes_on_without_its_page_and_is_its_owners(
    house: House, operator: Person, viewer: Person, net: Network
) -> None:
    house.link.gate = asyncio.Event()
    started = await operator.send(
        "/console/runs", action="operative", station=[net.stations["NYA-01"], net.stations["KIG-03"]]
    )
    path = started.headers["location"]
    assert 'hx-trigger="every 1s"' in await operator.page(path)
    house.link.gate.set()
    await results(operator, path, "2 of 2 asked")
    assert "hx-trigger" not in (await operator.client.get(path.replace("?", "/results?"))).text
    assert (await viewer.client.get(path)).status_code == 404  # it is somebody else's


async def test_nothing_chosen_or_nothing_meant_does_nothing(house: House, operator: Person, net: Network) -> None:
    assert (await operator.send("/console/stations/bulk", action="reset")).headers["location"] == "/console/stations"
    assert (await operator.send("/console/runs", action="explode", station=net.stations["NYA-01"])).status_code == 422
    assert house.link.commands == []


async def test_limit_of_a_session_that_may_mean_two_things_is_asked_about(operator: Person, net: Network) -> None:
    for field in ("energy_kwh", "cost"):
        answer = await operator.send(
            f"/console/sessions/{net.sessions['NYA-01-live']}/actions/limit", **{field: "5,000"}
        )
        assert answer.status_code == 422
        assert "Is that 5000 or 5.000? Write it so." in words(answer.text)


async def test_session_whose_station_is_gone_is_ended_in_a_dialog(
    house: House, operator: Person, viewer: Person, net: Network
) -> None:
    session = net.sessions["NYA-01-live"]
    page, path = f"/console/sessions/{session}", f"/console/sessions/{session}/actions/end"
    assert f'href="{path}" data-dialog' in await operator.page(page)
    assert path not in await viewer.page(page)
    sheet = await operator.client.get(path, headers={"X-Dialog": "1"})
    assert "because it was replaced or has lost its memory" in words(sheet.text)
    assert 'name="ended_at"' in sheet.text
    assert (await viewer.send(path, reason="x")).status_code == 403
    for wrong in (
        {"reason": " "},
        {"reason": "x", "ended_at": "soon"},
        {"reason": "x", "ended_at": "2020-01-01T00:00"},
    ):
        assert (await operator.send_by_script(path, force="true", **wrong)).status_code == 422
    doubted = await operator.send_by_script(path, reason='"><b>Replaced</b>')  # connected, and heard of lately
    assert doubted.status_code == 422
    assert "&lt;b&gt;Replaced" in doubted.text
    assert "<b>Replaced" not in doubted.text
    assert (await house.services.charging.get(session)).is_open
    done = await operator.send_by_script(path, reason="<b>Replaced</b>", force="true")
    assert toast(done)["message"] == "The session is ended by estimate"
    row = await house.services.charging.get(session)
    assert (row.is_open, row.is_estimated) == (False, True)
    assert "transaction.end" in await audited(house)
    shown = await operator.page(page)
    assert path not in shown
    assert "An operator ended it: <b>Replaced</b>" in words(shown)
    assert "<b>Replaced" not in shown


async def test_end_of_a_session_is_told_in_the_time_of_its_site(house: House, operator: Person, net: Network) -> None:
    session = net.sessions["NYA-01-live"]
    house.clock.advance(2 * 3600)
    now = house.clock.now()
    local = (now.astimezone(ZoneInfo("Africa/Kigali")) - timedelta(minutes=1)).replace(microsecond=0, tzinfo=None)
    path = f"/console/sessions/{session}/actions/end"
    done = await operator.send(path, reason="Replaced", ended_at=local.isoformat())
    assert done.status_code == 303, words(done.text)
    ended_at = (await house.services.charging.get(session)).ended_at
    assert ended_at == local.replace(tzinfo=ZoneInfo("Africa/Kigali"))

"""What people come to the console for, done as they do it: in a browser, against the real application."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Locator, Page, expect

from ingufu.charging.model import ChargingState, ReportKind, TransactionReport
from ingufu.core.commands import RawReply, ReplyKind, ResetKind, ResetStation, StartCharging, StopCharging
from ingufu.stations.model import ConnectorStatus
from ingufu.web.console.pages import Pages
from ingufu.web.runs import Runs
from kept import keep
from web.browser import OpenPage, accessibility_violations, take_picture
from web.console.network import disconnect, exchange, reading, status
from web.console_server import PASSWORD, Console, running_console


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


class Desk:
    """Somebody logged in, in front of the console."""

    def __init__(self, console: Console, open_page: OpenPage) -> None:
        self.console = console
        self._open_page = open_page

    def open(self, path: str, *, email: str = "keza@example.org", **options: Any) -> Page:
        return self._open_page(self.console.url + path, storage_state=self.console.log_in(email), **options)

    def station(self, identity: str, tab: str = "", **options: Any) -> Page:
        return self.open(f"/console/stations/{self.console.net.stations[identity]}{tab}", **options)


@pytest.fixture
def desk(console: Console, open_page: OpenPage) -> Desk:
    console.link.commands.clear()
    console.link.raw.clear()
    return Desk(console, open_page)


def unloaded(page: Page) -> None:
    """Leave a mark that a reload would take away."""
    page.evaluate("window.marked = true")


def assert_not_reloaded(page: Page) -> None:
    assert page.evaluate("window.marked") is True


def toast(page: Page) -> Locator:
    return page.locator("#toasts .toast").last


async def meter(console: Console, name: str, kw: float, wh: float) -> None:
    charging = console.services.charging
    it = await charging.get(console.net.sessions[name])
    at = console.clock.now()
    report = TransactionReport(
        kind=ReportKind.UPDATED, at=at, received_at=at, seq=(it.last_seq or 0) + 1, station_id=it.station_id, version="2.0.1", evse=it.evse,
        connector=1, reference=it.reference, state=ChargingState.CHARGING, trigger="MeterValuePeriodic", readings=(reading(at, wh, kw, 72),),
    )  # fmt: skip
    async with console.services.database.work() as work:
        await charging.record(work, report)


async def end(console: Console, name: str) -> None:
    charging = console.services.charging
    it = await charging.get(console.net.sessions[name])
    at = console.clock.now()
    report = TransactionReport(
        kind=ReportKind.ENDED, at=at, received_at=at, seq=(it.last_seq or 0) + 1, station_id=it.station_id, version="2.0.1", evse=it.evse,
        connector=1, reference=it.reference, state=ChargingState.IDLE, trigger="EVDeparted", stop_reason="EVDisconnected",
    )  # fmt: skip
    async with console.services.database.work() as work:
        await charging.record(work, report)


def test_person_logs_in_and_out(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/console/stations?status=charging", allow=r"status of 401")
    page.get_by_label("E-mail").fill("keza@example.org")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The address or the password is wrong.")
    expect(page.get_by_label("Password")).to_be_focused()
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{console.url}/console/stations?status=charging")
    page.get_by_role("button", name="Your account").click()
    expect(page.locator("#user-menu")).to_contain_text("Keza Mugisha")
    expect(page.locator("#user-menu")).to_contain_text("Operator")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(f"{console.url}/console")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_overview_follows_the_network_without_being_loaded_again(desk: Desk) -> None:
    page = desk.open("/console")
    expect(page.locator(".live")).to_have_text("Live")
    unloaded(page)
    online = page.locator("#stations-online")
    before = int(online.text_content() or 0)
    desk.console.run(disconnect(desk.console.net, "NYA-02", desk.console.clock.now(), "power cut"))
    expect(online).to_have_text(str(before - 1))
    expect(page.locator("#feed li").first).to_contain_text("NYA-02")
    expect(page.locator("#feed li").first).to_contain_text("power cut")
    desk.console.run(
        status(
            desk.console.net, "UNI-02", 1, "Faulted", ConnectorStatus.FAULTED, desk.console.clock.now(), "OverVoltage"
        )
    )
    expect(page.locator("#attention")).to_contain_text("OverVoltage")
    assert_not_reloaded(page)


def test_waiting_station_is_approved_from_the_overview(desk: Desk) -> None:
    page = desk.open("/console")
    page.locator("#attention").get_by_role("link", name="Approve…").click()
    dialog = page.get_by_role("dialog", name="Approve RWA-0007?")
    dialog.get_by_label("Site").select_option(label="Kigali Heights")
    expect(dialog.get_by_label("Keep the password it called with")).to_be_checked()
    dialog.get_by_role("button", name="Approve").click()
    expect(toast(page)).to_contain_text("The station is approved")
    expect(dialog).to_be_hidden()
    expect(page.locator("#attention")).not_to_contain_text("RWA-0007")


def test_station_is_found_as_one_types_and_the_back_button_goes_back(desk: Desk) -> None:
    page = desk.open("/console/stations")
    rows = page.locator("#station-list tbody tr")
    expect(rows).to_have_count(13)
    page.get_by_role("searchbox", name="Identity, name, vendor, serial number").focus()
    page.keyboard.type("uni-0")
    expect(rows).to_have_count(3)
    expect(page).to_have_url(re.compile(r"\?q=uni-0$"))
    expect(page.get_by_role("link", name="CSV", exact=True)).to_have_attribute("href", re.compile("q=uni-0"))
    expect(page.get_by_role("link", name="Clear")).to_be_visible()
    page.get_by_label("Vendor", exact=True).select_option("ABB")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?q=uni-0&vendor=ABB$"))
    page.go_back()
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="Clear").click()
    expect(rows).to_have_count(13)
    page.get_by_role("link", name="Station", exact=True).click()
    expect(rows.first).to_contain_text("UNI-03")
    page.get_by_role("link", name="UNI-03").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("UNI-03")


def test_row_of_the_list_changes_in_place_and_stays_chosen(desk: Desk) -> None:
    page = desk.open("/console/stations?q=KIG-03")
    expect(page.locator(".live")).to_have_attribute("data-state", "connected")
    page.get_by_label("Choose KIG-03").check()
    expect(page.locator("[data-selected]")).to_have_text("1 selected")
    desk.console.run(
        status(
            desk.console.net, "KIG-03", 1, "Faulted", ConnectorStatus.FAULTED, desk.console.clock.now(), "OverVoltage"
        )
    )
    expect(page.locator("#station-list tbody tr")).to_contain_text("Faulted")
    expect(page.get_by_label("Choose KIG-03")).to_be_checked()


def test_several_stations_are_reset_with_a_result_for_each(desk: Desk) -> None:
    page = desk.open("/console/stations?site=" + desk.console.net.sites["Musanze Gate"])
    expect(page.get_by_role("button", name="Reset")).to_be_hidden()
    page.get_by_label("Select all").check()
    expect(page.locator("[data-selected]")).to_have_text("3 selected")
    take_picture(page, "stations-selected", full=False)
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Reset 3 stations?")
    expect(page.locator("main")).to_contain_text("1 session runs at these stations now.")
    take_picture(page, "bulk-question", full=False)
    page.get_by_label("At once").check()
    page.get_by_role("button", name="Reset 3 stations").click()
    expect(page.locator("#run")).to_contain_text("3 of 3 asked")
    expect(page.locator("#run")).to_contain_text("2 accepted")
    expect(page.get_by_role("row", name=re.compile("MUS-03"))).to_contain_text("The station is not connected")
    take_picture(page, "bulk-results", full=False)
    assert accessibility_violations(page) == []
    assert {command for _, command in desk.console.link.commands} == {ResetStation(kind=ResetKind.IMMEDIATE)}


def test_page_of_a_run_that_a_restart_broke_off_says_so_once_and_asks_no_more(desk: Desk) -> None:
    async def hold() -> None:
        console.link.gate = asyncio.Event()

    async def restart() -> None:
        console.app.state["pages"] = replace(pages, runs=Runs(console.clock, console.services.ids))

    console = desk.console
    pages: Pages = console.app.state["pages"]
    console.run(hold())
    page = desk.open("/console/stations?site=" + console.net.sites["Musanze Gate"])
    page.get_by_label("Select all").check()
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="Reset 3 stations").click()
    expect(page.locator("#run")).to_contain_text("Asking")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    console.run(restart())
    expect(page.locator("#run")).to_contain_text("The server was started anew meanwhile")
    take_picture(page, "bulk-gone", full=False)
    assert accessibility_violations(page) == []
    asked.clear()
    page.wait_for_timeout(2500)
    assert [address for address in asked if "/results" in address] == []
    expect(page.locator("#toasts .toast")).to_have_count(0)
    console.run(pages.runs.close())
    console.link.gate = None


def test_station_is_added_and_its_password_can_be_copied(desk: Desk) -> None:
    page = desk.open("/console/stations", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="Add a station").click()
    page.get_by_label("Identity").fill("KGL-NEW-01")
    page.get_by_label("Site").select_option(label="Kigali Heights")
    expect(page.get_by_label("Its password")).to_be_hidden()
    page.get_by_role("button", name="Add the station").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("KGL-NEW-01 was added")
    take_picture(page, "station-added")
    assert accessibility_violations(page) == []
    page.get_by_role("button", name="Copy the password").click()
    expect(toast(page)).to_contain_text("Copied")
    assert re.fullmatch("[0-9a-f]{40}", page.evaluate("navigator.clipboard.readText()"))
    expect(page.locator("main")).to_contain_text("wss://ocpp.example.rw/ocpp/KGL-NEW-01")
    page.get_by_role("link", name="Go to the station").click()
    expect(page.locator("main")).to_contain_text("It has not connected yet")


def test_evse_is_watched_live(desk: Desk) -> None:
    page = desk.station("NYA-01")
    expect(page.locator(".live")).to_have_attribute("data-state", "connected")
    unloaded(page)
    desk.console.run(meter(desk.console, "NYA-01-live", 41.7, 170_000))
    expect(page.locator("#power-1")).to_have_text("41.7")
    expect(page.locator("#soc-1")).to_have_text("72%")
    desk.console.run(
        status(
            desk.console.net, "NYA-01", 2, "Faulted", ConnectorStatus.FAULTED, desk.console.clock.now(), "GroundFailure"
        )
    )
    expect(page.locator("#evse-2")).to_contain_text("GroundFailure")
    expect(page.locator("#feed li").first).to_contain_text("EVSE 2: Faulted")
    assert_not_reloaded(page)
    assert accessibility_violations(page) == []


def test_charging_is_started_and_stopped_from_the_card(desk: Desk) -> None:
    page = desk.station("KIG-02", allow=r"status of 422")
    page.locator("#evse-1").get_by_role("link", name="Start…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Card").fill("nobody")
    dialog.get_by_role("button", name="Start charging").click()
    expect(dialog.get_by_role("alert")).to_contain_text("would be refused")
    take_picture(page, "dialog-start-refused", full=False)
    assert accessibility_violations(page) == []
    dialog.get_by_role("combobox", name="Card").fill(desk.console.net.tokens[3])
    dialog.get_by_role("button", name="Start charging").click()
    expect(toast(page)).to_contain_text("Start charging: Accepted")
    expect(dialog).to_be_hidden()
    page.locator("#evse-2").get_by_role("link", name="Stop…").click()
    expect(dialog).to_contain_text("so far")
    dialog.get_by_role("button", name="Stop charging").click()
    expect(toast(page)).to_contain_text("Stop charging: Accepted")
    sent = [command for _, command in desk.console.link.commands]
    assert isinstance(sent[0], StartCharging)
    assert (sent[0].token, sent[0].evse) == (desk.console.net.tokens[3], 1)
    assert sent[1] == StopCharging(reference="8K2-263")


def test_request_is_filled_in_sent_and_answered(desk: Desk) -> None:
    page = desk.station("KIG-03", "/commands")
    page.get_by_label("Find a request").fill("setcharging")
    expect(page.locator("#command-names li:visible")).to_have_count(1)
    page.get_by_role("link", name="SetChargingProfile").click()
    page.locator("[name='p:evseId']").fill("1")
    page.locator("[name='p:chargingProfile.id']").fill("7")
    page.locator("[name='p:chargingProfile.stackLevel']").fill("0")
    page.locator("[name='p:chargingProfile.chargingProfilePurpose']").select_option("TxDefaultProfile")
    page.locator("[name='p:chargingProfile.chargingProfileKind']").select_option("Absolute")
    page.locator("[name$='.chargingRateUnit']").select_option("A")
    page.locator("[name^='p:chargingProfile.chargingSchedule.'][name$='.id']").first.fill("1")
    page.locator("[name$='.startPeriod']").fill("0")
    page.locator("[name$='.limit']").first.fill("16.50")
    add = page.locator("fieldset", has=page.locator("legend", has_text="chargingSchedulePeriod")).last.get_by_role(
        "button", name="Add one"
    )
    add.click()
    expect(page.locator("[name$='.startPeriod']")).to_have_count(2)
    page.locator("[name$='.startPeriod']").last.fill("3600")
    page.locator("[name$='.limit']").last.fill("6")
    desk.console.link.replies["SetChargingProfile"] = RawReply(
        kind=ReplyKind.RESULT,
        message_id="m-1",
        payload=msgspec.Raw(b'{"status":"Accepted","statusInfo":{"reasonCode":"<b>ok</b>"}}'),
        duration_s=0.318,
    )
    page.get_by_role("button", name="Send").click()
    answer = page.locator("#answers article").first
    expect(answer).to_contain_text("after 318 ms")
    expect(answer).to_contain_text('"<b>ok</b>"')
    take_picture(page, "commands-answer")
    assert accessibility_violations(page) == []
    payload = desk.console.link.raw[0][2]
    assert b'"limit":16.50' in payload
    schedule = json.loads(payload)["chargingProfile"]["chargingSchedule"][0]
    assert [period["startPeriod"] for period in schedule["chargingSchedulePeriod"]] == [0, 3600]


def test_part_of_a_request_is_added_and_left_out_again(desk: Desk) -> None:
    page = desk.station("KIG-03", "/commands?action=RequestStartTransaction")
    page.get_by_role("button", name="chargingProfile", exact=True).click()
    expect(page.locator("[name='p:chargingProfile.stackLevel']")).to_be_visible()
    page.get_by_role("button", name="Leave chargingProfile out").click()
    expect(page.locator("[name='p:chargingProfile.stackLevel']")).to_have_count(0)
    expect(page.get_by_role("button", name="chargingProfile", exact=True)).to_be_visible()


def test_json_is_written_by_hand_and_every_outcome_said(desk: Desk) -> None:
    page = desk.station("KIG-03", "/commands?action=Reset")
    page.get_by_role("link", name="JSON").click()
    page.get_by_label("Payload, sent byte for byte").fill('{"type": "OnIdle"}')
    for reply, text in (
        (RawReply(kind=ReplyKind.TIMEOUT, message_id="m", duration_s=30.0), "No answer in time"),
        (RawReply(kind=ReplyKind.OFFLINE), "Not connected"),
        (
            RawReply(
                kind=ReplyKind.ERROR, message_id="m", error_code="NotSupported", error_description="no such thing"
            ),
            "NotSupported",
        ),
    ):
        desk.console.link.replies["Reset"] = reply
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#answers article").first).to_contain_text(text)
    expect(page.locator("#answers article")).to_have_count(3)
    page.get_by_label("Payload, sent byte for byte").fill("{")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#answers article").first).to_contain_text("The payload is not JSON")
    take_picture(page, "commands-outcomes")


def test_messages_come_in_as_they_are_sent_and_can_be_held_back(desk: Desk) -> None:
    page = desk.station("NYA-01", "/log?action=Heartbeat")
    frames = page.locator("#frames > li")
    expect(frames).to_have_count(40)

    def beat(number: int) -> None:
        rows = exchange(desk.console.net, "NYA-01", number, desk.console.clock.now(), "Heartbeat")
        desk.console.run(append(desk.console, rows))

    beat(801)
    expect(frames).to_have_count(42)
    expect(frames.first).to_have_attribute("data-fresh", "")
    page.get_by_role("button", name="Pause").click()
    beat(802)
    expect(page.locator("[data-held]")).to_have_text("2 new, held back")
    expect(frames).to_have_count(42)
    page.get_by_role("button", name="Pause").click()
    expect(frames).to_have_count(44)
    expect(page.locator("[data-held]")).to_have_text("")


async def append(console: Console, rows: Any) -> None:
    keep(console.services.stations.frames, rows)
    await console.services.database.writer.flush()


def test_message_is_opened_and_read(desk: Desk) -> None:
    page = desk.station("NYA-01", "/log?action=TransactionEvent&direction=in")
    message = page.locator("#frames > li").first
    message.locator("summary").first.click()
    expect(message.locator(".json").first).to_contain_text('"eventType": "Updated"')
    expect(message).to_contain_text("8K2-142")
    message.locator(".json details > summary").first.press("Enter")
    take_picture(page, "log-open", full=False)
    assert accessibility_violations(page) == []
    older = page.get_by_role("link", name="Load older ones")
    expect(older).to_have_count(0)
    page.goto(page.url.split("?")[0])
    page.get_by_role("link", name="Load older ones").click()
    expect(page.locator("#frames > li")).to_have_count(100)


def test_session_is_followed_to_its_end(desk: Desk) -> None:
    page = desk.open(f"/console/sessions/{desk.console.net.sessions['MUS-01-live']}")
    expect(page.locator(".live")).to_have_attribute("data-state", "connected")
    unloaded(page)
    desk.console.run(meter(desk.console, "MUS-01-live", 21.5, 150_000))
    expect(page.locator("#session-power")).to_have_text("21.5")
    expect(page.get_by_role("link", name="Stop charging…")).to_be_visible()
    desk.console.run(end(desk.console, "MUS-01-live"))
    expect(page.locator("#session-status")).to_have_text("Ended")
    expect(page.locator("#session-facts")).to_contain_text("Vehicle unplugged")
    expect(page.locator("#session-reports tbody tr").last).to_contain_text("Ended")
    expect(page.locator("#session-readings tbody tr").first).to_contain_text("21.5")
    expect(page.get_by_role("link", name="Stop charging…")).to_have_count(0)
    assert_not_reloaded(page)


def test_sessions_are_filtered_and_exported(desk: Desk) -> None:
    page = desk.open("/console/sessions")
    page.get_by_role("searchbox", name="Station, card or driver").fill("UNI-01")
    expect(page.locator("#session-list tbody tr")).to_have_count(6)
    page.get_by_label("State").select_option("no")
    expect(page).to_have_url(re.compile(r"q=UNI-01&running=no"))
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("id,reference,number,station")


def test_refused_station_gets_a_new_password_from_the_attempts(desk: Desk) -> None:
    page = desk.open("/console/attempts")
    refusal = page.locator(".refusal", has_text="MUS-03")
    expect(refusal).to_contain_text("412 times")
    refusal.get_by_role("link", name="New password…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Set the password").click()
    expect(dialog).to_contain_text("It is shown only now")
    expect(dialog).to_contain_text("ws://127.0.0.1:9000/ocpp/MUS-03")
    take_picture(page, "dialog-password", full=False)
    assert accessibility_violations(page) == []


def test_settings_are_saved_and_said(desk: Desk) -> None:
    page = desk.station("UNI-03", "/settings")
    page.get_by_label("Name", exact=False).first.fill("Behind the library")
    page.get_by_label("Judge its messages by the letter").check()
    page.get_by_role("button", name="Save").first.click()
    expect(toast(page)).to_contain_text("Saved")
    expect(page.get_by_role("heading", level=1)).to_have_text("Behind the library")
    expect(page.get_by_label("Judge its messages by the letter")).to_be_checked()
    page.reload()
    expect(page.locator("#toasts .toast")).to_have_count(0)


def test_viewer_looks_and_is_offered_nothing_else(desk: Desk) -> None:
    page = desk.station("NYA-01", email="jean@example.org")
    expect(page.get_by_role("heading", level=1)).to_have_text("NYA-01")
    for name in ("Start…", "Stop…", "Reset…", "Unlock…", "Settings", "Commands"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    take_picture(page, "viewer-station")


def test_console_works_without_script(desk: Desk) -> None:
    page = desk.open("/console/stations", java_script_enabled=False)
    page.locator("form.filters input[type='search']").fill("NYA-01")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#station-list tbody tr")).to_have_count(1)
    page.get_by_role("link", name="NYA-01").click()
    page.locator(".page-head").get_by_role("link", name="Reset…").click()
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#toasts")).to_contain_text("Reset: Accepted")
    page.get_by_role("link", name="Messages").click()
    page.locator("#frames summary").first.click()
    page.get_by_role("link", name="Show the whole message").first.click()
    expect(page.locator(".json")).to_be_visible()


def test_station_is_worked_by_keyboard_alone(desk: Desk) -> None:
    page = desk.station("UNI-02")
    page.get_by_role("link", name="Reset…").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_label("When nothing charges any more").focus()
    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_label("At once")).to_be_checked()
    page.keyboard.press("Enter")
    expect(toast(page)).to_contain_text("Reset: Accepted")
    expect(page.get_by_role("link", name="Reset…")).to_be_focused()


def test_page_whose_log_in_is_over_leads_to_the_log_in_and_back(desk: Desk) -> None:
    page = desk.station("UNI-02", allow=r"status of 401")
    expect(page.locator(".live")).to_have_text("Live")
    page.context.clear_cookies()
    page.locator(".page-head").get_by_role("link", name="Reset…").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("E-mail").fill("keza@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("UNI-02")


def test_page_whose_stream_is_refused_leads_to_the_log_in(desk: Desk) -> None:
    page = desk.open("/console", allow=r"status of 401")
    expect(page.locator(".live")).to_have_text("Live")
    page.context.clear_cookies()
    page.evaluate(
        "document.querySelector('[data-live]').replaceWith(document.querySelector('[data-live]').cloneNode(true))"
    )
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()

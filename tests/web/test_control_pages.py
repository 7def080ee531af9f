"""Control and metering in the console, done as people do it: in a browser, against the real application."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ingufu.charging.control.model import TransactionControl
from ingufu.charging.model import MeterReading, ReportKind, Sample, SignedValue, TransactionReport
from ingufu.charging.sampling.model import Occasion
from ingufu.core.commands import ChangeAvailability, StartCharging, StopCharging, Trigger, TriggerMessage
from ingufu.core.control import AskTransactionStatus, EventStream, TransactionStatus
from ingufu.stations.streams.model import StreamValue
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


class Desk:
    """An operator logged in, in front of the console."""

    def __init__(self, console: Console, open_page: OpenPage) -> None:
        self.console = console
        self._open_page = open_page

    def open(self, path: str, **options: Any) -> Page:
        return self._open_page(self.console.url + path, storage_state=self.console.log_in(), **options)

    def station(self, identity: str, tab: str = "", **options: Any) -> Page:
        return self.open(f"/console/stations/{self.console.net.stations[identity]}{tab}", **options)

    def session(self, name: str, **options: Any) -> Page:
        return self.open(f"/console/sessions/{self.console.net.sessions[name]}", **options)


@pytest.fixture
def desk(console: Console, open_page: OpenPage) -> Desk:
    console.link.commands.clear()
    return Desk(console, open_page)


def sent(console: Console, kind: type[Any]) -> Any:
    found = [command for _, command in console.link.commands if isinstance(command, kind)]
    assert len(found) == 1, console.link.commands
    return found[0]


def toast(page: Page) -> Any:
    return page.locator("#toasts .toast").last


async def control_of(console: Console, name: str) -> TransactionControl | None:
    return await console.services.control.of(console.net.sessions[name])


async def sign(console: Console, name: str) -> None:
    """Have the station send a signed value of a session."""
    charging = console.services.charging
    it = await charging.get(console.net.sessions[name])
    at = console.clock.now()
    signed = SignedValue(data="OCMF|{}|{}", encoding="OCMF", public_key="oca:base16:asn1:3059301306072A8648CE3D02")
    sample = Sample(value=it.last_wh or Decimal(0), raw_value="1", signed=signed)
    report = TransactionReport(
        kind=ReportKind.UPDATED, at=at, received_at=at, seq=(it.last_seq or 0) + 1, station_id=it.station_id,
        version=it.version, evse=it.evse, reference=it.reference, trigger="SignedDataReceived",
        readings=(MeterReading(at=at, samples=(sample,)),),
    )  # fmt: skip
    async with console.services.database.work() as work:
        await charging.record(work, report)


async def measure(console: Console, identity: str) -> None:
    """Have a station send clock-aligned values and a stream, and be asked for readings."""
    services, station_id, at = console.services, console.net.stations[identity], console.clock.now()
    sample = Sample(value=Decimal(1_234_500), raw_value="1234500", context="Sample.Clock")
    async with services.database.work() as work:
        await services.charging.add_readings(
            work, station_id=station_id, version="2.1", evse=1, reference=None,
            readings=(MeterReading(at=at, samples=(sample,)),), received_at=at,
        )  # fmt: skip
    async with services.database.work() as work:
        await services.stations.streams.open(work, station_id, EventStream(number=3, monitor=7, interval_s=60))
    values = [StreamValue(at=at - timedelta(seconds=60), value="229.4"), StreamValue(at=at, value="230.1")]
    async with services.database.work() as work:
        await services.stations.streams.receive(work, station_id, 3, values, pending=0, received_at=at)
    async with services.database.work() as work:
        services.stations.streams.learn(work, station_id, 7, "EVSE", "Voltage")
        await services.samplings.ask(
            work, station_id, Occasion.UPDATED, measurands=["Power.Active.Import", "SoC"], interval_s=60, actor="Keza"
        )


def test_a_start_with_a_limit_is_awaited_on_its_card(desk: Desk) -> None:
    page = desk.station("NYA-01")
    page.locator("#evse-2").get_by_role("link", name="Start…").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Card", exact=True).fill(desk.console.net.tokens[0])
    dialog.get_by_text("Limit what is charged").click()
    dialog.get_by_label("Energy").fill("12.5")
    dialog.get_by_label("State of charge").fill("80")
    take_picture(page, "control-start", full=False)
    dialog.get_by_role("button", name="Start charging").click()
    expect(toast(page)).to_contain_text("Start charging: Accepted")
    expect(page.locator("#evse-2")).to_contain_text("is accepted and waits for a vehicle")
    assert sent(desk.console, StartCharging).evse == 2
    starts = desk.console.run(desk.console.services.control.expire_starts())
    assert starts == 0
    take_picture(page, "control-awaited")


def test_a_session_is_limited_questioned_and_its_driver_spoken_to(desk: Desk) -> None:
    desk.console.run(sign(desk.console, "NYA-01-live"))
    page = desk.session("NYA-01-live", allow="status of 422")
    card = page.locator("#session-control")
    expect(card).to_contain_text("Nothing was asked of this session.")
    card.get_by_role("link", name="Limit…").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Energy").fill("0")
    dialog.get_by_role("button", name="Set the limit").click()
    expect(dialog).to_contain_text("A number from 0.001 to 10000 is needed here.")
    dialog.get_by_label("Energy").fill("250")
    dialog.get_by_label("Time from its start").fill("600")
    dialog.get_by_role("button", name="Set the limit").click()
    expect(toast(page)).to_contain_text("The limit is set")
    expect(card).to_contain_text("250")
    expect(card).to_contain_text("Keza Mugisha")
    control = desk.console.run(control_of(desk.console, "NYA-01-live"))
    assert control is not None
    assert (control.limit.max_energy_wh, control.limit.max_time_s) == (250_000, 36_000)
    card.get_by_role("link", name="Message…").click()
    page.locator("dialog[open]").get_by_label("Message").fill("Please move at noon")
    page.locator("dialog[open]").get_by_role("button", name="Show the message").click()
    expect(toast(page)).to_contain_text("The message goes with the next answer")
    desk.console.link.outcomes["AskTransactionStatus"] = TransactionStatus(
        status="Ongoing", is_accepted=True, is_ongoing=True, has_messages=False
    )
    card.get_by_role("link", name="Ask the station…").click()
    page.locator("dialog[open]").get_by_role("button", name="Ask the station").click()
    expect(toast(page)).to_contain_text("It runs, says the station.")
    assert sent(desk.console, AskTransactionStatus).reference == "8K2-142"
    page.reload()
    expect(card).to_contain_text("Please move at noon")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()
    assert b'encoding="plain">OCMF|{}|{}</signedData>' in downloading.value.path().read_bytes()
    assert accessibility_violations(page) == []
    take_picture(page, "control-session")


def test_a_session_is_limited_on_a_phone_without_scrolling_sideways(desk: Desk) -> None:
    page = desk.session("MUS-01-live", width=390, height=844)
    expect(page.locator("#session-control")).to_be_visible()
    assert not overflows(page)
    take_picture(page, "control-session-390")
    page.goto(page.url + "/actions/limit")
    page.get_by_label("State of charge").fill("90")
    page.get_by_role("button", name="Set the limit").click()
    expect(page.locator("#session-control")).to_contain_text("90 % charged")


def test_a_session_whose_station_lost_it_is_ended_in_a_dialog(desk: Desk) -> None:
    page = desk.session("KIG-02-live", allow="status of 422")
    page.get_by_role("link", name="End by estimate…").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    assert accessibility_violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert not overflows(page)
    dialog.get_by_label("Why").fill("Replaced by another station")
    dialog.get_by_role("button", name="End by estimate").click()
    expect(dialog).to_contain_text("stop it there, or force its end")
    dialog.get_by_label("It does not charge, whatever the station says").check()
    dialog.get_by_role("button", name="End by estimate").click()
    expect(toast(page)).to_contain_text("The session is ended by estimate")
    expect(page.locator("#session-anomalies")).to_contain_text("An operator ended it: Replaced by another station")
    expect(page.get_by_role("link", name="End by estimate…")).to_have_count(0)
    assert not overflows(page)


def test_availability_that_was_asked_shows_on_the_cards_until_it_is_so(desk: Desk) -> None:
    page = desk.station("NYA-02")
    page.locator("#evse-1").get_by_role("link", name="Availability…").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Out of service").check()
    dialog.get_by_role("button", name="Set availability").click()
    expect(toast(page)).to_contain_text("Set availability: Accepted")
    assert sent(desk.console, ChangeAvailability).evse == 1
    expect(page.locator("#evse-1")).to_contain_text("Shall be out of service.")
    take_picture(page, "control-availability")


def test_a_session_that_nobody_knows_can_be_stopped_by_its_id(desk: Desk) -> None:
    page = desk.station("NYA-02")
    page.get_by_role("link", name="Stop one by its id…").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Id of the session").fill("4711-unknown")
    dialog.get_by_role("button", name="Stop charging").click()
    expect(toast(page)).to_contain_text("Stop charging: Accepted")
    assert sent(desk.console, StopCharging).reference == "4711-unknown"


def test_every_message_of_the_version_can_be_asked_for(desk: Desk) -> None:
    page = desk.station("NYA-03")  # 2.1
    page.get_by_role("link", name="Ask for…").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Message", exact=True).select_option("custom")
    dialog.get_by_label("Name of another message").fill("VendorReport")
    dialog.get_by_role("button", name="Ask").click()
    expect(toast(page)).to_contain_text("Ask: Accepted")
    asked = sent(desk.console, TriggerMessage)
    assert (asked.trigger, asked.custom) == (Trigger.CUSTOM, "VendorReport")


def test_metering_shows_what_is_asked_what_came_and_streams(desk: Desk) -> None:
    desk.console.run(measure(desk.console, "NYA-03"))
    page = desk.station("NYA-03", "/metering", allow="status of 422")
    row = page.get_by_role("row", name="While a session runs")
    expect(row).to_contain_text("Power.Active.Import, SoC")
    expect(row).to_contain_text("the station is asked")
    expect(page.get_by_role("region", name="Latest values outside of sessions")).to_contain_text("Sample.Clock")
    expect(page.get_by_role("region", name="Streams of values")).to_contain_text("EVSE.Voltage")
    expect(page.get_by_role("region", name="Streams of values")).to_contain_text("230.1")
    assert accessibility_violations(page) == []
    take_picture(page, "metering")
    page.get_by_role("row", name="At fixed times of the day").get_by_role("link", name="Ask…").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("What is measured").fill("Energy.Active.Import.Register,\nno measurand!")
    dialog.get_by_role("button", name="Ask the station").click()
    expect(dialog).to_contain_text("is no measurand")
    dialog.get_by_label("What is measured").fill("Energy.Active.Import.Register, Voltage")
    dialog.get_by_label("How often").fill("900")
    dialog.get_by_role("button", name="Ask the station").click()
    expect(toast(page)).to_contain_text("The station is asked")
    page.reload()
    expect(page.get_by_role("row", name="At fixed times of the day")).to_contain_text("Voltage")


def test_metering_fits_a_phone(desk: Desk) -> None:
    page = desk.station("NYA-03", "/metering", width=390, height=844)
    expect(page.get_by_role("heading", name="What is asked of its readings")).to_be_visible()
    assert not overflows(page)
    take_picture(page, "metering-390")

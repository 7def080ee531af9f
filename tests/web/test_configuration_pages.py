"""Configuration in a browser: the pages as people see them, and the jobs they come for."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ingufu.configuration.model import (
    DataType,
    DesiredChange,
    Mutability,
    Origin,
    Reach,
    TemplateFields,
    Told,
)
from ingufu.core.configuration import ReadResult, VariablesRead, VariablesWritten, WriteResult
from ingufu.core.variables import parse
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)
INTERVAL, OFFLINE = "SampledDataCtrlr.TxUpdatedInterval", "AuthCtrlr.LocalAuthorizeOffline"
STATION, NAMES = "NYA-03", ("configuration-tab", "configuration-variable", "configuration-network", "configuration",
                            "configuration-template", "configuration-new")  # fmt: skip


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        console.run(fill(console))
        yield console


async def fill(console: Console) -> None:
    """Let a station have told of itself, and be desired to be a little otherwise."""
    services, station_id = console.services, console.net.stations[STATION]
    rows: tuple[tuple[str, str | None, DataType, Mutability, dict[str, Any]], ...] = (
        (INTERVAL, "60", DataType.INTEGER, Mutability.READ_WRITE, {"unit": "s", "min_limit": 10.0, "max_limit": 900.0}),
        (OFFLINE, "true", DataType.BOOLEAN, Mutability.READ_WRITE, {}),
        ("AuthCtrlr.LocalPreAuthorize", "false", DataType.BOOLEAN, Mutability.READ_WRITE, {}),
        ("SampledDataCtrlr.TxUpdatedMeasurands", "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage",
         DataType.MEMBER_LIST, Mutability.READ_WRITE,
         {"values_list": "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"}),
        ("TxCtrlr.TxStartPoint", "EVConnected,Authorized", DataType.MEMBER_LIST, Mutability.READ_WRITE,
         {"values_list": "ParkingBayOccupancy,EVConnected,Authorized"}),
        ("SecurityCtrlr.BasicAuthPassword", None, DataType.STRING, Mutability.WRITE_ONLY, {"max_limit": 40.0}),
        ("SecurityCtrlr.OrganizationName", "Ingufu", DataType.STRING, Mutability.READ_WRITE, {}),
        ("OCPPCommCtrlr.OfflineThreshold", "300", DataType.INTEGER, Mutability.READ_WRITE, {"unit": "s"}),
        ("DeviceDataCtrlr.ItemsPerMessage[GetVariables]", "20", DataType.INTEGER, Mutability.READ_ONLY, {}),
        ("Connector@1:1.ConnectorType", "cCCS2", DataType.STRING, Mutability.READ_ONLY, {}),
        ("EVSE@1.Power", "0", DataType.DECIMAL, Mutability.READ_ONLY, {"unit": "W", "max_limit": 150000.0}),
    )  # fmt: skip
    told = [
        Told(name=parse(name), value=value, data_type=kind, mutability=mutability, **more)
        for name, value, kind, mutability, more in rows
    ]
    at = console.clock.now()
    async with services.database.work() as work:
        await services.configuration.keeping.tell(work, station_id, told, at, origin=Origin.REPORT)
    station = await services.stations.get(station_id)
    async with services.database.work() as work:
        services.configuration.keeping.note_inventory(work, station, at)
    async with services.database.work() as work:
        made = await services.configuration.wishes.create_template(
            work,
            TemplateFields(name="Revenue", reach=Reach.EVERYONE, note="Readings and retries that protect the bill"),
        )
    values = ((INTERVAL, "45"), (OFFLINE, "true"), ("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", "5"))
    async with services.database.work() as work:
        changes = [DesiredChange(name=parse(name), value=value) for name, value in values]
        await services.configuration.wishes.desire_of_template(work, made.id, changes, actor="Keza Mugisha")
    await services.configuration.care.refresh_stale()


def address(console: Console, name: str) -> str:
    base = f"/console/stations/{console.net.stations[STATION]}/configuration"
    (template,) = [
        one for one in console.run(console.services.configuration.wishes.templates()) if one.name == "Revenue"
    ]
    return {
        "configuration-tab": base,
        "configuration-variable": f"{base}/edit?variable={INTERVAL}",
        "configuration-network": f"{base}/network",
        "configuration": "/console/configuration",
        "configuration-template": f"/console/configuration/templates/{template.id}",
        "configuration-new": "/console/configuration/templates/new",
    }[name]


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", NAMES)
def test_page_is_accessible_and_whole(
    console: Console, open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    page = open_page(
        console.url + address(console, name),
        scheme=scheme,
        width=width,
        storage_state=console.onlooker(),
        only_looks=True,
    )
    assert accessibility_violations(page) == []
    assert not overflows(page)
    take_picture(page, f"console-{name}-{scheme}-{width}")


def desk(console: Console, open_page: OpenPage, path: str) -> Page:
    console.link.commands.clear()
    console.link.outcomes.clear()
    return open_page(console.url + path, storage_state=console.log_in())


def test_a_value_is_set_in_place_by_what_the_station_takes(console: Console, open_page: OpenPage) -> None:
    items = (ReadResult(name=parse("OCPPCommCtrlr.OfflineThreshold"), status="Accepted", value="240"),)
    page = desk(console, open_page, f"{address(console, 'configuration-tab')}?q=offlinethreshold")
    console.link.outcomes["WriteVariables"] = VariablesWritten(
        status="Accepted",
        is_accepted=True,
        items=(WriteResult(name=parse("OCPPCommCtrlr.OfflineThreshold"), status="Accepted"),),
    )
    console.link.outcomes["ReadVariables"] = VariablesRead(status="Accepted", is_accepted=True, items=items)
    page.get_by_role("link", name="OCPPCommCtrlr.OfflineThreshold").click()
    dialog = page.get_by_role("dialog", name="OCPPCommCtrlr.OfflineThreshold")
    dialog.get_by_label("Value", exact=True).fill("240")
    dialog.get_by_label("Once, now").check()
    dialog.get_by_role("button", name="Set").click()
    expect(page.locator("#toasts .toast").last).to_contain_text("1 of 1 accepted")
    expect(page.locator("#variable-list")).to_contain_text("240")
    (write, read) = [command for _, command in console.link.commands]
    assert (write.items[0].value, read.items[0].name.variable) == ("240", "OfflineThreshold")


def test_drift_is_seen_over_stations_and_repaired_by_one_click(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/configuration?q=nya-03")
    row = page.locator("#drift-list tr", has_text=INTERVAL)
    expect(row).to_contain_text("45")
    expect(row).to_contain_text("60")
    console.link.outcomes["WriteVariables"] = VariablesWritten(
        status="Accepted",
        is_accepted=True,
        items=(WriteResult(name=parse(INTERVAL), status="Rejected", reason="NotInRange: at least 60"),),
    )
    row.get_by_role("button", name="Set now").click()
    expect(page.get_by_role("heading", name="Desired")).to_be_visible()
    refused = page.locator("tr", has_text="NotInRange: at least 60")
    expect(refused).to_contain_text("Refused")
    expect(refused.get_by_role("link", name="Revenue")).to_be_visible()


def test_a_template_is_made_and_filled(console: Console, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/configuration")
    page.get_by_role("link", name="New template").click()
    page.get_by_label("Name", exact=True).fill("Quiet screens")
    page.get_by_label("Vendor").fill("Kempower*")
    page.get_by_role("button", name="Make the template").click()
    expect(page.get_by_role("heading", name="Quiet screens")).to_be_visible()
    page.get_by_label("Variable", exact=True).fill("ConfigurationKey.LightIntensity")
    page.get_by_label(re.compile("^Value( |$)")).last.fill("40")
    page.get_by_role("button", name="Add the value").click()
    expect(page.locator("tr", has_text="ConfigurationKey.LightIntensity")).to_be_visible()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Not as desired")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("Quiet screens")

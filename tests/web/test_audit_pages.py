"""The audit log in a browser: found, read with before and after, checked, broken and noticed."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest
from playwright.sync_api import expect

from ingufu.accounts.model import ActorKind, Door, OrganisationKind, Principal, Role, RoleGrant
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import PASSWORD, Console, running_console


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("audit")) as console:
        console.run(do_things(console))
        yield console


@pytest.fixture(scope="module")
def state(console: Console) -> dict[str, object]:
    return console.log_in("auditor@example.org")


async def do_things(console: Console) -> None:
    """Have an auditor be there, and somebody change a station and be refused something else."""
    accounts, database = console.services.accounts, console.services.database
    operator = next(one for one in await accounts.organisations() if one.kind is OrganisationKind.OPERATOR)
    async with database.work() as work:
        await accounts.create_user(
            work, organisation_id=operator.id, email="auditor@example.org", name="Auditor", password=PASSWORD,
            grants=[RoleGrant(role=Role.AUDITOR)],
        )  # fmt: skip
    who = Principal(
        kind=ActorKind.USER, id="u-uwase", name="Uwase Ineza", address="192.0.2.44", door=Door.CONSOLE,
        request_id="019a-request",
    )  # fmt: skip
    station = console.net.stations["NYA-01"]
    before = await console.services.stations.get(station)
    after = msgspec.structs.replace(before, name="Gate <b>two</b>", note="Moved to the south side")
    async with database.work() as work:
        accounts.audit(
            work, who, "station.update", object_kind="station", object_id=station, before=before, after=after,
            details={"reason": "=cmd|' /C calc'!A0"},
        )  # fmt: skip
        accounts.audit(
            work, who, "post /api-keys", object_kind="api-keys", object_id="", is_refused=True,
            details={"reason": "This needs the scope admin."},
        )  # fmt: skip
    await accounts.seal_audit()


def test_somebody_is_found_out_and_a_changed_row_is_noticed(
    console: Console, state: dict[str, object], open_page: OpenPage
) -> None:
    station = console.net.stations["NYA-01"]
    page = open_page(f"{console.url}/console/audit", storage_state=state)
    told = page.request.get(f"{console.url}/console/stations/{station}").text()
    assert f"/console/audit?object_id={station}" in told
    page.get_by_role("textbox", name="Who").fill("uwase")
    page.get_by_role("textbox", name="Who").press("Tab")
    rows = page.locator("#audit-list tbody tr")
    expect(page).to_have_url(re.compile("actor=uwase"))  # the next filter would end this request
    expect(rows).to_have_count(2)
    page.get_by_label("Refused").select_option("no")
    expect(rows).to_have_count(1)
    assert "actor=uwase" in page.url
    expect(rows.first).to_contain_text("NYA-01")
    rows.first.get_by_role("link").first.click()
    changes = page.locator("#changes")
    expect(changes.get_by_role("row", name="name")).to_contain_text("Gate <b>two</b>")
    expect(page.get_by_text("192.0.2.44")).to_be_visible()
    page.get_by_role("link", name="All of this object").click()
    expect(page.locator("#audit-list tbody tr").first).to_contain_text("station.update")

    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#verification")).to_contain_text("Whole up to entry")
    with closing(sqlite3.connect(console.folder / "ingufu.sqlite", timeout=15)) as database, database:
        database.execute("DROP TRIGGER audit_stays")
        database.execute("UPDATE audit SET actor_name = 'Somebody else' WHERE actor_id = 'u-uwase'")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#verification")).to_contain_text("The log is broken")
    expect(page.locator("#verification")).to_contain_text("is not as it was written")
    take_picture(page, "audit-broken-light")


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [
        ("audit", "light", 1440), ("audit", "dark", 1440), ("audit", "light", 390),
        ("audit-entry", "light", 1440), ("audit-entry", "light", 390),
    ],
)  # fmt: skip
def test_audit_pages_are_accessible_and_whole(
    console: Console, state: dict[str, object], open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    [entry, *_] = console.run(console.services.accounts.audit_trail(action="station.update", actor_id="u-uwase"))
    path = f"/console/audit/{entry.id}" if name == "audit-entry" else "/console/audit"
    page = open_page(console.url + path, scheme=scheme, width=width, height=844, storage_state=state, only_looks=True)
    take_picture(page, f"{name}-{'phone' if width < 500 else scheme}")
    assert accessibility_violations(page) == []
    assert not overflows(page)

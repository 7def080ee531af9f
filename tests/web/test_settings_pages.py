"""Sites, users, organisations, roles and API keys in a browser, as whoever runs the network looks after them."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from ingufu.accounts.model import OrganisationKind, Role, RoleGrant, Scope
from ingufu.infra.mail import store
from ingufu.infra.mail.model import Content, MailRules
from ingufu.infra.mail.service import Mails
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import PASSWORD, Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)
ADMIN, HOST = "alice@example.org", "hugo@example.org"
HOSTILE = "<script>alert(1)</script>"


class Known:
    """What was entered before."""

    def __init__(self) -> None:
        self.user = self.invited = self.organisation = self.role = self.site = ""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


@pytest.fixture(scope="module")
def known(console: Console) -> Known:
    found = Known()
    console.run(fill(console, found))
    return found


async def fill(console: Console, known: Known) -> None:
    accounts, database = console.services.accounts, console.services.database
    known.site = console.net.sites["Kigali Heights"]
    async with database.work() as work:
        await accounts.create_user(
            work, organisation_id=console.net.organisation_id, email=ADMIN, name="Alice", password=PASSWORD,
            roles=[Role.ADMIN],
        )  # fmt: skip
        host = await accounts.create_organisation(work, f"Mall {HOSTILE}", OrganisationKind.HOST)
        role = await accounts.create_role(work, name="Night watch", description=HOSTILE, scopes=[Scope.STATIONS_READ])
    async with database.work() as work:
        user = await accounts.create_user(
            work, organisation_id=host.id, email="wim@example.org", name="Wim", grants=[RoleGrant(role=role.id)]
        )
        invited = await accounts.create_user(
            work,
            organisation_id=console.net.organisation_id,
            email="ivy@example.org",
            name="Ivy",
            grants=[RoleGrant(role=Role.FINANCE)],
        )
        await accounts.create_key(
            work,
            organisation_id=console.net.organisation_id,
            name="Parking",
            scopes=[Scope.STATIONS_READ],
            site_ids=[known.site],
        )
    await write_mails(console)
    known.user, known.organisation, known.role, known.invited = user.id, host.id, role.id, invited.id


async def write_mails(console: Console) -> None:
    """Have one mail be sent, one given up, and one wait after a try that failed."""
    services = console.services
    rules = MailRules(server="localhost", port=1, sender="a@example.org")
    mails = Mails(services.database, services.clock, services.ids, services.sign_in.mails._vault, rules)
    now = services.clock.now()
    for name, kind, values in (
        ("sent", "reset", {"sent_at": now, "next_try_at": None, "tries": 1}),
        ("gone", "invitation", {"failed_at": now, "next_try_at": None, "tries": 9, "last_error": "Refused (550)."}),
        ("late", "invitation", {"tries": 1, "last_error": "The mail server cannot be asked (OSError)."}),
    ):
        async with services.database.work() as work:
            key = mails.put(work, f"{name}@example.org", Content(subject="x", plain="x", html="x"), kind=kind)
        async with services.database.work() as work:
            store.change(work, key, values)


def address(known: Known, name: str) -> str:
    return "/console/" + {
        "sites": "sites", "site": f"sites/{known.site}", "users": "users", "user": f"users/{known.user}",
        "new-user": "users/new", "organisations": "organisations", "organisation": f"organisations/{known.organisation}",
        "roles": "roles", "role": f"roles/{known.role}", "keys": "api-keys", "new-key": "api-keys/new",
        "mails": "mails",
    }[name]  # fmt: skip


def desk(console: Console, open_page: OpenPage, path: str, email: str = ADMIN, **more: object) -> Page:
    return open_page(console.url + path, storage_state=console.log_in(email), **more)


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize(
    "name", ["sites", "site", "users", "user", "new-user", "organisations", "organisation", "roles", "role", "keys", "new-key", "mails"]
)  # fmt: skip
def test_page_is_accessible_and_whole(
    console: Console, known: Known, open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    page = open_page(
        console.url + address(known, name),
        scheme=scheme,
        width=width,
        storage_state=console.onlooker(ADMIN),
        only_looks=True,
    )
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    take_picture(page, f"settings-{name}-{scheme}-{width}")
    assert accessibility_violations(page) == []
    assert not overflows(page)


def test_a_host_is_entered_with_its_site_and_its_person_sees_only_that(
    console: Console, known: Known, open_page: OpenPage
) -> None:
    page = desk(console, open_page, "/console/sites", allow="status of 422")
    page.get_by_role("link", name="Enter a site").click()
    page.get_by_label("Name", exact=True).fill("Harbour")
    page.get_by_label("Time zone").fill("Nowhere/Atall")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("entry needs another look")).to_be_visible()
    page.get_by_label("Time zone").fill("Africa/Nairobi")
    page.get_by_label("Latitude").fill("-4.05")
    page.get_by_label("Longitude").fill("39.66")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Harbour")).to_be_visible()

    page.get_by_role("link", name="Organisations").click()
    page.get_by_role("link", name="Enter an organisation").click()
    page.get_by_label("Name", exact=True).fill("Harbour Ltd")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("checkbox", name="Harbour").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Harbour")).to_be_checked()

    page.get_by_role("navigation", name="Pages of the console").get_by_role("link", name="Users").click()
    page.get_by_role("link", name="Enter a user").click()
    page.get_by_label("Name", exact=True).fill("Hugo")
    page.get_by_label("E-mail").fill(HOST)
    page.get_by_label("Organisation", exact=True).select_option("Harbour Ltd")
    page.get_by_label(re.compile("^Password")).fill(PASSWORD)
    page.get_by_label("Role").select_option("Site host")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Hugo")).to_be_visible()

    theirs = desk(console, open_page, "/console/sites", HOST)
    expect(theirs.get_by_role("region", name="Sites").locator("tbody tr")).to_have_count(1)
    expect(theirs.get_by_role("link", name="Harbour")).to_be_visible()
    expect(theirs.get_by_role("link", name="Users")).to_have_count(0)

    page.get_by_role("button", name="Disable…").click()
    page.get_by_role("dialog", name="Disable Hugo?").get_by_role("button", name="Disable").click()
    expect(page.get_by_role("button", name="Let log in again")).to_be_visible()
    theirs.reload()
    expect(theirs.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_role_is_defined_held_and_given_up(console: Console, known: Known, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/roles", allow="status of 422")
    page.get_by_role("link", name="Define a role").click()
    page.get_by_label("Name", exact=True).fill("Card desk")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("entry needs another look")).to_be_visible()
    page.get_by_role("checkbox", name="Change drivers and cards").check()
    page.get_by_role("checkbox", name="See drivers and cards").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Card desk")).to_be_visible()
    page.get_by_role("link", name="Night watch").click()
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete Night watch?")
    dialog.get_by_label("Their new role").select_option("Card desk")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleted")).to_be_visible()
    expect(page.get_by_role("link", name="Night watch")).to_have_count(0)
    user = console.run(console.services.accounts.user(known.user))
    roles = {role.id: role.name for role in console.run(console.services.accounts.roles())}
    assert [roles[grant.role] for grant in user.grants] == ["Card desk"]


def test_a_key_is_made_shown_once_used_and_revoked(console: Console, known: Known, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/api-keys")
    page.get_by_role("link", name="Make a key").click()
    page.get_by_label("Name", exact=True).fill("Dashboard")
    page.get_by_role("checkbox", name="See stations").check()
    page.get_by_label(re.compile("^Good until")).fill("2099-12-31")
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator("#key-secret").inner_text()
    asked = {"url": f"{console.url}/api/v1/stations", "headers": {"Authorization": f"Bearer {secret}"}}
    assert httpx.get(**asked).status_code == 200
    assert httpx.post(f"{console.url}/api/v1/sites", headers=asked["headers"], json={"name": "x"}).status_code == 403
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text(secret)).to_have_count(0)
    row = page.get_by_role("row").filter(has_text="Dashboard")
    row.get_by_role("button", name="Revoke…").click()
    page.get_by_role("dialog", name=re.compile("Dashboard")).get_by_role("button", name="Revoke").click()
    expect(row.get_by_text("revoked")).to_be_visible()
    assert httpx.get(**asked).status_code == 401


def test_someone_is_invited_by_a_link_to_hand_over_and_let_go(
    console: Console, known: Known, open_page: OpenPage
) -> None:
    page = desk(console, open_page, f"/console/users/{known.invited}")
    page.get_by_role("button", name="Invite them").click()
    link = page.locator("#way-in").inner_text()
    theirs = open_page(link)
    theirs.get_by_label(re.compile("^(New p|P)assword")).first.fill("quite another battery")
    theirs.get_by_role("button", name="Set the password").click()
    expect(theirs.get_by_role("navigation", name="Pages of the console")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    expect(page.locator("#user-logins li")).to_have_count(1)
    page.get_by_role("button", name="Log out everywhere…").click()
    page.get_by_role("dialog", name="Log Ivy out everywhere?").get_by_role("button", name="Log out").click()
    expect(page.locator("#user-logins li")).to_have_count(0)
    theirs.reload()
    expect(theirs.get_by_role("navigation", name="Pages of the console")).to_have_count(0)


def test_an_operator_without_the_right_finds_none_of_it(console: Console, known: Known, open_page: OpenPage) -> None:
    page = desk(console, open_page, "/console/sites", "keza@example.org")
    menu = page.get_by_role("navigation", name="Pages of the console")
    expect(menu.get_by_role("link", name="Sites")).to_be_visible()
    for name in ("Users", "Organisations", "Roles", "API keys"):
        expect(menu.get_by_role("link", name=name)).to_have_count(0)
    page = desk(console, open_page, address(known, "user"), "keza@example.org", allow="status of 403")
    expect(page.get_by_text("Wim")).to_have_count(0)

"""Signing in as a person does: passkeys of Chromium's own authenticator, an app's codes, a link; every page is whole."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ingufu.accounts.model import Role, RoleGrant
from ingufu.accounts.sign_in import decide
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import PASSWORD, Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)
PAGES = ("account", "codes", "forgot", "invitation", "second")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console"), is_empty=True) as console:
        yield console


def named(console: Console) -> str:
    """Return the address by a name: passkeys are bound to one."""
    return console.url.replace("127.0.0.1", "localhost")


async def make_user(console: Console, email: str, password: str | None = PASSWORD) -> str:
    accounts = console.services.accounts
    [operator] = await accounts.organisations()
    async with console.services.database.work() as work:
        user = await accounts.create_user(
            work, organisation_id=operator.id, email=email, name="Amina Uwase", password=password,
            grants=[RoleGrant(role=Role.OPERATOR)],
        )  # fmt: skip
    return user.id


async def token_for(console: Console, user_id: str, *, is_invitation: bool) -> str:
    accounts, links = console.services.accounts, console.services.sign_in.links
    secret, _ = await accounts.login("keza@example.org", PASSWORD, address="127.0.0.1")
    by = await accounts.principal_of_login(secret)
    assert by is not None
    async with console.services.database.work() as work:
        if is_invitation:
            return (await links.invite(work, user_id, by))[1]
        return await links.make_reset(work, user_id, by)


async def enrol(console: Console, email: str) -> bytes:
    """Have the user have an app; return its secret."""
    accounts, factors = console.services.accounts, console.services.sign_in.factors
    secret, user = await accounts.login(email, PASSWORD, address="127.0.0.1")
    principal = await accounts.principal_of_login(secret, "127.0.0.1")
    assert principal is not None
    async with console.services.database.work() as work:
        address = await factors.begin_totp(work, user)
    text = re.search("secret=([A-Z2-7]+)", address)
    assert text is not None
    made = base64.b32decode(text[1] + "=" * (-len(text[1]) % 8))
    async with console.services.database.work() as work:
        await factors.confirm_totp(work, principal, code_of(console, made))
    return made


def code_of(console: Console, secret: bytes, steps: int = 0) -> str:
    return decide.totp_code(secret, int(console.clock.now().timestamp()) // 30 + steps)


def log_in(page: Page, email: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def authenticator(page: Page) -> Any:
    """Give the page a telephone with a fingerprint reader, as WebAuthn sees one."""
    wire = page.context.new_cdp_session(page)
    wire.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    wire.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return wire


def test_person_adds_a_passkey_and_an_app_and_signs_in_by_each(console: Console, open_page: OpenPage) -> None:
    console.run(make_user(console, "amina@example.org"))
    page = open_page(f"{named(console)}/console/login", allow="status of 4")
    authenticator(page)
    log_in(page, "amina@example.org")
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("link", name="Your account").click()
    page.get_by_label("Name of a new passkey").fill("My telephone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("#passkeys")).to_contain_text("My telephone")

    page.get_by_role("link", name="Set up an app").click()
    page.get_by_role("button", name="Show the QR code").click()
    page.get_by_text("It cannot be scanned").click()
    shown = (page.locator("code").inner_text()).replace(" ", "")
    secret = base64.b32decode(shown + "=" * (-len(shown) % 8))
    page.get_by_label("Code that the app shows").fill(code_of(console, secret))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Recovery codes").first).to_be_visible()
    codes = page.locator(".recovery-codes li").all_inner_texts()
    assert len(codes) == decide.RECOVERY_CODES
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes are left.")).to_be_visible()

    sign_out(page)  # and in again: without a password
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("button", name="Your account")).to_be_visible()

    sign_out(page)  # by password, and the passkey as the second step
    log_in(page, "amina@example.org")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("button", name="Your account")).to_be_visible()

    sign_out(page)  # by password and a wrong code, then a recovery code
    log_in(page, "amina@example.org")
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert").first).to_contain_text("The code is wrong")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    page.goto(f"{named(console)}/console/account")
    expect(page.get_by_text("9 recovery codes are left.")).to_be_visible()
    page.get_by_text("Change My telephone").click()
    card = page.locator("#passkeys")
    card.get_by_label("Your password, or a code").first.fill(PASSWORD)
    card.get_by_role("button", name="Remove this passkey").click()
    expect(page.locator("#passkeys")).not_to_contain_text("My telephone")


def test_invited_person_makes_a_passkey_and_never_has_a_password(console: Console, open_page: OpenPage) -> None:
    user_id = console.run(make_user(console, "new@example.org", None))
    token = console.run(token_for(console, user_id, is_invitation=True))
    page = open_page(f"{named(console)}/console/invitation?token={token}")
    authenticator(page)
    page.get_by_role("button", name="Make a passkey instead").click()
    expect(page.get_by_role("button", name="Your account")).to_be_visible()
    assert console.run(console.services.accounts.user(user_id)).password_hash is None


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.fixture(scope="module")
def addresses(console: Console) -> dict[str, str]:
    console.run(make_user(console, "page@example.org"))
    console.run(enrol(console, "page@example.org"))
    someone = console.run(make_user(console, "invited@example.org", None))
    forgetful = console.run(make_user(console, "forgetful@example.org"))
    return {
        "account": "/console/account",
        "codes": "/console/account/codes",
        "forgot": "/console/forgot",
        "reset": f"/console/reset?token={console.run(token_for(console, forgetful, is_invitation=False))}",
        "invitation": f"/console/invitation?token={console.run(token_for(console, someone, is_invitation=True))}",
        "over": "/console/reset?token=nothing",
        "second": "/console/login",
    }


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_sign_in_page_is_accessible_and_whole(
    console: Console, addresses: dict[str, str], open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    state = console.log_in() if name in {"account", "codes"} else None
    page = open_page(
        named(console) + addresses[name] if state is None else console.url + addresses[name],
        scheme=scheme, width=width, height=844, storage_state=state, allow="status of 4",
    )  # fmt: skip
    if name == "second":
        log_in(page, "page@example.org")
        expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    if name == "codes" and page.get_by_role("button", name="Show the QR code").count():
        page.get_by_role("button", name="Show the QR code").click()
        expect(page.get_by_role("img", name="QR code for the app")).to_be_visible()
    take_picture(page, f"sign-in-{name}-{'phone' if width < 500 else scheme}")
    assert accessibility_violations(page) == []
    assert not overflows(page)

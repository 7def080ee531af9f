"""Who may see and do what: log-in, forms of other sites, viewers, and people who see only their sites."""

import re

import httpx
import pytest

from ingufu.accounts.model import Role, Scope
from web.console.conftest import PASSWORD, House, Person, person, words
from web.console.network import Network

LOGIN = "/console/login"


def changes(net: Network) -> dict[str, dict[str, str]]:
    """Every form of the console that changes something, with fields that would do."""
    station = net.stations["NYA-01"]
    base = f"/console/stations/{station}"
    return {
        "/console/stations/new": {"identity": "NEW-1", "security_profile": "1"},
        "/console/stations/bulk": {"action": "reset", "station": station},
        "/console/runs": {"action": "reset", "station": station},
        f"{base}/settings": {"name": "x", "security_profile": "1"},
        f"{base}/boot-answer": {"boot_answer": "Pending"},
        f"{base}/connectors": {"evse": "1", "connector": "1", "kind": "cCCS1"},
        f"{base}/commands/Reset": {"p:type": "Soft"},
        f"{base}/actions/start": {"token": "04A20C916E800"},
        f"{base}/actions/stop": {"transaction": "8K2-142"},
        f"{base}/actions/reset": {},
        f"{base}/actions/unlock": {"evse": "1"},
        f"{base}/actions/availability": {"availability": "inoperative"},
        f"{base}/actions/trigger": {"trigger": "status"},
        f"{base}/actions/disconnect": {},
        f"{base}/actions/approve": {},
        f"{base}/actions/refuse": {},
        f"{base}/actions/delete": {},
        f"{base}/actions/password": {"secret": "generate"},
    }


async def test_stranger_is_sent_to_the_log_in_and_then_to_the_page(house: House, net: Network) -> None:
    await house.user(Role.VIEWER)
    client = house.client()
    answer = await client.get("/console/stations?status=faulted&q=a%26b")
    assert answer.status_code == 303
    form = await client.get(answer.headers["location"])
    wanted = re.findall(r'name="next" value="([^"]+)"', form.text)[0].replace("&amp;", "&")
    assert wanted == "/console/stations?status=faulted&q=a%26b"
    done = await client.post(LOGIN, data={"email": "keza@example.org", "password": PASSWORD, "next": wanted})
    assert done.status_code == 303
    assert done.headers["location"] == wanted
    assert (await client.get(done.headers["location"])).status_code == 200


async def test_script_of_a_page_whose_log_in_is_over_is_told_where_to_go(house: House) -> None:
    answer = await house.client().get(
        "/console/stations", headers={"HX-Request": "true", "HX-Current-URL": f"{house.url}/console/stations?q=x"}
    )
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/console/login?next=/console/stations%3Fq%3Dx"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/console/../x\r\nA: b",
        "/consolex",
        "/\\evil.example",
        "javascript:alert(1)",
        "/api/v1/me",
    ],
)
async def test_log_in_leads_only_to_our_own_pages(house: House, wanted: str) -> None:
    await house.user(Role.VIEWER)
    done = await house.client().post(LOGIN, data={"email": "keza@example.org", "password": PASSWORD, "next": wanted})
    assert done.headers["location"] == "/console"


async def test_wrong_password_is_told_without_saying_what_was_wrong(house: House) -> None:
    await house.user(Role.VIEWER)
    for email in ("keza@example.org", "nobody@example.org"):
        answer = await house.client().post(LOGIN, data={"email": email, "password": "wrong password"})
        assert answer.status_code == 401
        assert "The address or the password is wrong." in words(answer.text)
        assert f'value="{email}"' in answer.text
        assert "wrong password" not in answer.text


async def test_guessing_is_slowed_down(house: House) -> None:
    await house.user(Role.VIEWER)
    client = house.client()
    answers = [await client.post(LOGIN, data={"email": "keza@example.org", "password": "wrong"}) for _ in range(8)]
    assert answers[-1].status_code == 429
    assert "Too many wrong attempts" in words(answers[-1].text)


async def test_page_of_another_site_cannot_log_anybody_in(house: House) -> None:
    await house.user(Role.VIEWER)
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    answer = await house.client().post(LOGIN, data={"email": "keza@example.org", "password": PASSWORD}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_logging_out_ends_the_log_in(house: House, operator: Person) -> None:
    cookie = operator.client.cookies["ingufu_session"]
    answer = await operator.send("/console/sign-out")
    assert answer.headers["location"] == LOGIN
    stale = house.client(Cookie=f"ingufu_session={cookie}")
    assert (await stale.get("/console")).headers["location"].startswith(LOGIN)


async def test_who_is_logged_in_need_not_log_in_again(operator: Person) -> None:
    answer = await operator.client.get(f"{LOGIN}?next=/console/sessions")
    assert answer.headers["location"] == "/console/sessions"


async def test_form_without_the_token_of_this_log_in_changes_nothing(
    house: House, operator: Person, net: Network
) -> None:
    other = await person(house, Role.OPERATOR, email="other@example.org")
    for path, fields in changes(net).items():
        for token in ("", "0" * 64, other.token):
            assert (await operator.send(path, csrf=token, **fields)).status_code == 403, path
    assert house.link.commands == []
    assert house.link.raw == []


async def test_key_of_a_program_sends_no_forms(house: House, net: Network) -> None:
    client = house.client(await house.key())
    assert (await client.post(f"/console/stations/{net.stations['NYA-01']}/actions/reset", data={})).status_code == 403
    assert house.link.commands == []


async def test_viewer_is_offered_nothing_that_changes_and_refused_if_they_try(
    house: House, viewer: Person, net: Network
) -> None:
    station = net.stations["NYA-01"]
    for path in (
        "/console",
        "/console/stations",
        f"/console/stations/{station}",
        f"/console/stations/{net.stations['RWA-0007']}",
        "/console/attempts",
        f"/console/sessions/{net.sessions['NYA-01-live']}",
    ):
        page = await viewer.page(path)
        forms = set(re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', page))
        assert forms <= {"/console/sign-out", "/console/language"}, path
        assert "/actions/" not in page, path
        assert "/stations/new" not in page, path
    for path, fields in changes(net).items():
        answer = await viewer.send(path, **fields)
        assert answer.status_code == 403, path
        assert "You may not do that" in words(answer.text), path
    assert (await viewer.client.get(f"/console/stations/{station}/settings")).status_code == 403
    assert (await viewer.client.get(f"/console/stations/{station}/commands")).status_code == 403
    assert house.link.commands == []
    assert house.link.raw == []


async def test_who_sees_one_site_sees_nothing_of_the_others(house: House, net: Network) -> None:
    mine = await person(house, Role.OPERATOR, net.sites["Kigali Heights"], email="heights@example.org")
    for path in (
        "/console",
        "/console/stations",
        "/console/sessions",
        "/console/attempts",
        "/console/overview/sites.json",
    ):
        page = (await mine.client.get(path)).text
        for other in ("NYA-0", "MUS-0", "UNI-0", "EVIL", "RWA-0007", "OLD-TIMER", "Nyarutarama", "Musanze"):
            assert other not in page, f"{other} on {path}"
    assert "KIG-01" in (await mine.page("/console/stations"))
    exported = (await mine.client.get("/console/sessions.csv")).text
    assert "KIG-03" in exported
    assert "NYA" not in exported
    foreign, session = net.stations["NYA-01"], net.sessions["NYA-01-live"]
    for path in (
        f"/console/stations/{foreign}",
        f"/console/stations/{foreign}/log",
        f"/console/stations/{foreign}/live",
        f"/console/sessions/{session}",
        f"/console/sessions/{session}/chart.json",
        f"/console/stations/{foreign}/actions/reset",
    ):
        assert (await mine.client.get(path)).status_code == 404, path
    for path, fields in changes(net).items():
        if foreign in path:
            assert (await mine.send(path, **fields)).status_code in {403, 404}, path
    bulk = await mine.send("/console/runs", action="reset", station=foreign)
    assert "0 of 0" in words((await mine.client.get(bulk.headers["location"])).text)
    assert house.link.commands == []
    own = await mine.send(
        "/console/stations/new", identity="HTS-9", site_id=net.sites["Musanze Gate"], security_profile="1"
    )
    assert own.status_code == 403


async def test_refused_forms_are_in_the_audit_trail(house: House, viewer: Person, net: Network) -> None:
    await viewer.send(f"/console/stations/{net.stations['NYA-01']}/settings", name="x", security_profile="1")
    entries = await house.services.accounts.audit_trail()
    assert [entry.action for entry in entries if entry.is_refused] == ["post /stations/{station:str}/settings"]


async def test_language_is_chosen_for_this_browser(operator: Person) -> None:
    answer = await operator.send("/console/language", language="fr", next="/console/sessions")
    assert answer.headers["location"] == "/console/sessions"
    assert (await operator.send("/console/language", language="tlh", next="//evil.example")).headers[
        "location"
    ] == "/console"


async def test_pages_cannot_be_framed_and_run_no_foreign_script(operator: Person) -> None:
    answer: httpx.Response = await operator.client.get("/console/stations")
    assert answer.headers["x-frame-options"] == "DENY"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert Scope.STATIONS_READ  # what the page asks for

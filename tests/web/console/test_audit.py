"""The audit log on its pages: in words of the reader's language, and with all that happens when people sign in."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ingufu
from ingufu.accounts.model import Role
from ingufu.core.sheet import Sheet
from ingufu.importing.model import Kind
from ingufu.web.console import translations
from ingufu.web.imports import IMPORT, TRIAL
from ingufu.web.runs import Subject
from web.api.test_sign_in import LOG_IN, NEW, code_of, enrol, first_step, second
from web.console.conftest import House, Person, person, words
from web.console.network import Network

SOURCES = Path(ingufu.__file__).parent
PLACES = ("web", "app/commands", "accounts/service", "importing")
ACTION = re.compile(r"[a-z][a-z_-]*\.[a-z][a-z_-]*")
OTHER_NOUNS = {"ledger", "report", "reports", "admission-rule"}  # things that have no kind of their own


def words_of(house: House, language: str, name: str) -> dict[str, str]:
    environment = house.app.state["pages"].environments[language]
    return dict(getattr(environment.get_template("parts/audit_words.html").module, name))


def written_actions(nouns: set[str]) -> Iterator[str]:
    """Yield what code gives as an action: every text of this form that is not for the log."""
    for place in PLACES:
        for path in (SOURCES / place).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            logged = {
                id(one)
                for call in ast.walk(tree)
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
                and isinstance(call.func.value, ast.Name) and call.func.value.id == "log"
                for one in ast.walk(call)
            }  # fmt: skip
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in logged:
                    text = node.value
                    if ACTION.fullmatch(text) and text.partition(".")[0] in nouns:
                        yield text


def made_actions() -> Iterator[str]:
    """Yield the actions that code puts together."""
    for name, module in list(sys.modules.items()):
        if name.startswith("ingufu."):
            yield from (f"{one.name}.export" for one in vars(module).values() if isinstance(one, Sheet))
    bulk = [subject for subject in Subject if subject is not Subject.IMPORT]
    yield from (f"{subject.value[:-1]}.{what}" for subject in bulk for what in ("bulk", "bulk-ended"))
    yield from (f"{kind.value.removesuffix('s')}.import" for kind in Kind)
    for kind in ("drivers", "groups", "tokens"):
        yield from (f"import.{what}-{kind}" for what in (TRIAL, IMPORT))


@pytest.mark.parametrize("language", translations.languages())
async def test_every_action_has_its_words(house: House, language: str) -> None:
    told, kinds = words_of(house, language, "action_words"), words_of(house, language, "kind_words")
    actions = {*written_actions({*kinds, *OTHER_NOUNS}), *made_actions()}
    assert len(actions) > 150
    assert actions - set(told) == set()
    assert set(told) - actions == set(), "these are not done any more"
    assert {str(text) for text in told.values()} & actions == set()
    if language != "en":
        assert not {str(text) for text in told.values()} & {
            str(text) for text in words_of(house, "en", "action_words").values()
        }


async def test_log_says_who_did_what_in_the_readers_language(house: House, net: Network) -> None:
    admin = await person(house, Role.ADMIN)
    station = net.stations["KIG-01"]
    await admin.client.patch(
        f"/api/v1/stations/{station}", json={"name": "Gate"}, headers={"X-CSRF-Token": admin.token}
    )
    page = await admin.page("/console/audit?action=station.update")
    assert f"Keza changed the station KIG-01 {'station.update'}" in words(page)
    assert f'<a href="/console/stations/{station}">KIG-01</a>' in page
    assert '<option value="station.update" selected>changed the station</option>' in page
    assert '<option value="tariff">Tariff</option>' in page
    [entry] = set(re.findall(r'href="(/console/audit/\d+)"', page))
    assert "<h1>Keza changed the station KIG-01" in (await admin.page(entry)).replace("\n", "")
    for language, sentence in (
        ("fr", "Keza a modifié la station KIG-01"),
        ("rw", "Keza yahinduye sitasiyo KIG-01"),
        ("sw", "Keza alibadilisha kituo KIG-01"),
    ):
        admin.client.cookies.set("ingufu_language", language)
        shown = words(await admin.page("/console/audit?action=station.update"))
        assert sentence in shown
        assert "station.update" in shown
    unknown = await admin.page("/console/audit?action=station.dance")
    assert '<option value="station.dance" selected>' in unknown


async def test_cards_are_named_by_their_number_and_codes_are_not(house: House, net: Network) -> None:
    admin = await person(house, Role.ADMIN)
    for value, kind in (("04A1B2C3", "ISO14443"), ("48151623", "KeyCode")):
        headers = {"X-CSRF-Token": admin.token}
        made = await admin.client.post("/api/v1/tokens", json={"value": value, "kind": kind}, headers=headers)
        page = words(await admin.page(f"/console/audit?object_id={made.json()['id']}"))
        assert ("04A1B2C3" in page) is (kind == "ISO14443")
        assert (made.json()["id"] in page.replace(f"object_id={made.json()['id']}", "")) is (kind == "KeyCode")
        assert "48151623" not in page


async def actions(house: House) -> list[str]:
    return [entry.action for entry in await house.services.accounts.audit_trail()]


async def test_signing_in_and_out_by_the_console_is_told(house: House) -> None:
    user = await house.user(Role.ADMIN)
    client = house.client()
    page = await client.get("/console/login")
    token = re.findall(r'name="csrf_token" value="([^"]+)"', page.text)
    csrf = {"csrf_token": token[0]} if token else {}
    wrong = await client.post("/console/login", data={**csrf, "email": "keza@example.org", "password": "wrong horse"})
    assert wrong.status_code in {401, 422}
    [failed] = await house.services.accounts.audit_trail()
    assert (failed.action, failed.is_refused, failed.address) == ("login.fail", True, "127.0.0.1")
    assert "wrong horse" not in str(failed)
    right = await client.post(
        "/console/login", data={**csrf, "email": "keza@example.org", "password": "correct horse battery"}
    )
    assert right.status_code == 303, right.text
    [begun, _] = await house.services.accounts.audit_trail()
    assert (begun.action, begun.actor_id, begun.door) == ("login.begin", user, "console")
    assert begun.details == {"method": "password"}
    inside = await client.get("/console/")
    token = re.findall(r'name="csrf_token" value="([^"]+)"', inside.text)
    out = await client.post("/console/sign-out", data={"csrf_token": token[0]})
    assert out.status_code == 303
    [ended, *_] = await house.services.accounts.audit_trail()
    assert (ended.action, ended.actor_id, ended.object_id) == ("login.end", user, begun.object_id)


async def test_password_that_is_changed_in_the_console_is_told_without_it(operator: Person, house: House) -> None:
    answer = await operator.send(
        "/console/account/password",
        old="correct horse battery",
        new="a quiet morning in Kisumu",
    )
    assert answer.status_code == 303
    [entry, *_] = await house.services.accounts.audit_trail()
    assert entry.action == "user.password"
    assert "quiet morning" not in str(entry)


async def test_second_factors_and_new_passwords_are_told(house: House) -> None:
    user_id = await house.user(Role.OPERATOR)
    admin = house.client(await house.key())
    secret, _ = await enrol(house, await house.log_in())
    client, step = await first_step(house)
    assert (await second(client, step, "000000")).status_code == 401
    assert (await actions(house))[:2] == ["login.fail", "user.add_app"]
    assert (await second(client, step, code_of(house, secret))).status_code == 200
    [begun, *_] = await house.services.accounts.audit_trail()
    assert (begun.action, begun.actor_id) == ("login.begin", user_id)
    link = (await admin.post(f"/api/v1/users/{user_id}/password-reset")).json()["link"]
    token = link.partition("token=")[2]
    reset = await house.client().post("/api/v1/reset", json={"token": token, "password": NEW})
    assert reset.status_code == 204
    assert (await actions(house))[:2] == ["user.password_reset", "user.send_reset"]
    assert (await house.client().post("/api/v1/login", json=LOG_IN)).status_code == 401
    trail = await house.services.accounts.audit_trail()
    assert (trail[0].action, trail[0].is_refused) == ("login.fail", True)
    assert all(word not in str(trail) for word in (token, NEW, LOG_IN["password"]))

"""Outgoing mail over the API and on its page: seen by administrators, tried again, dropped, without what it says."""

from datetime import timedelta
from typing import Any

import pytest

from infra.test_mail import free_port
from ingufu.accounts.model import ROLE_SCOPES, Role, Scope
from ingufu.infra.mail.model import MailRules, Security
from web.api.conftest import House
from web.api.engines import both_engines

NOBODY_LISTENS = MailRules(server="localhost", port=free_port(), security=Security.NONE, sender="a@example.org")
WITH_SERVER = pytest.mark.parametrize("signing", [{"mail": NOBODY_LISTENS}], ids=["mail"])


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"public_url": "http://csms.example.org"}


async def invite(house: House, admin: Any, name: str) -> None:
    made = await admin.post(
        "/api/v1/users", json={"email": f"{name}@example.org", "name": name.title(), "grants": [{"role": "viewer"}]}
    )
    assert made.status_code == 201, made.text
    assert (await admin.post(f"/api/v1/users/{made.json()['id']}/invitation")).json()["is_mailed"] is True


async def mails(admin: Any, **query: Any) -> list[dict[str, Any]]:
    answer = await admin.get("/api/v1/mails", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


@both_engines
@WITH_SERVER
async def test_mail_that_cannot_be_sent_is_seen_tried_again_and_dropped(
    house: House, admin: Any, signing: dict[str, Any]
) -> None:
    for name in ("amina", "yves", "zoe"):
        await invite(house, admin, name)
    [zoe, yves, amina] = await mails(admin)
    assert (amina["recipient"], amina["kind"], amina["state"], amina["tries"]) == (
        "amina@example.org", "invitation", "waiting", 0,
    )  # fmt: skip
    assert set(amina) == {
        "id", "kind", "recipient", "state", "created_at", "tries", "next_try_at", "sent_at", "failed_at", "last_error",
    }  # fmt: skip
    assert [one["recipient"] for one in await mails(admin, recipient="YVES")] == ["yves@example.org"]
    first = (await admin.get("/api/v1/mails", params={"limit": 2})).json()
    rest = (await admin.get("/api/v1/mails", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["id"] for one in rest["items"]] == [amina["id"]]
    assert (first["next"], rest["next"]) == (yves["id"], None)

    sender = house.services.sign_in.mails
    assert await sender.send_due() == 0
    [_, _, tried] = await mails(admin, state="waiting")
    assert (tried["tries"], tried["state"]) == (1, "waiting")
    assert tried["last_error"].startswith("The mail server cannot be asked")
    assert tried["next_try_at"] > amina["next_try_at"]
    again = await admin.post(f"/api/v1/mails/{amina['id']}/retry")
    assert (again.status_code, again.json()["next_try_at"]) == (200, amina["next_try_at"])
    await sender.send_due()
    assert [one["tries"] for one in await mails(admin)] == [1, 1, 2]

    assert (await admin.delete(f"/api/v1/mails/{yves['id']}")).status_code == 204
    assert (await admin.delete(f"/api/v1/mails/{yves['id']}")).status_code == 404
    house.clock.advance(timedelta(days=3).total_seconds())
    await sender.send_due()
    assert [one["state"] for one in await mails(admin)] == ["failed", "failed"]
    assert await mails(admin, state="waiting") == []
    assert (await admin.post(f"/api/v1/mails/{zoe['id']}/retry")).status_code == 409
    assert (await admin.delete(f"/api/v1/mails/{zoe['id']}")).status_code == 204
    assert len(await mails(admin, state="failed")) == 1
    told = (await admin.get("/api/v1/audit?object_kind=mail")).json()["items"]
    assert [one["action"] for one in told] == ["mail.drop", "mail.drop", "mail.retry"]
    assert told[0]["details"] == {"name": "zoe@example.org", "kind": "invitation"}


@WITH_SERVER
async def test_mail_is_for_administrators_of_the_network(house: House, admin: Any, signing: dict[str, Any]) -> None:
    await invite(house, admin, "amina")
    [mail] = await mails(admin)
    site = await house.site("Kigali")
    await house.user(Role.OPERATOR, site)
    tied = await house.log_in()
    other = house.client(await house.key(*(set(Scope) - {Scope.ADMIN})))
    operator = house.client(await house.key(*ROLE_SCOPES[Role.OPERATOR]))
    for client in (tied, other, operator):
        assert (await client.get("/api/v1/mails")).status_code == 403
        assert (await client.post(f"/api/v1/mails/{mail['id']}/retry")).status_code == 403
        assert (await client.delete(f"/api/v1/mails/{mail['id']}")).status_code == 403
    for query in ({"state": "lost"}, {"limit": 0}, {"what": "x"}):
        assert (await admin.get("/api/v1/mails", params=query)).status_code == 422
    assert (await admin.post("/api/v1/mails/nothing/retry")).status_code == 404


@WITH_SERVER
async def test_page_tries_again_and_drops(house: House, admin: Any, signing: dict[str, Any]) -> None:
    await invite(house, admin, "amina")
    [mail] = await mails(admin)
    await house.user(Role.ADMIN)
    client = await house.log_in()
    token = client.headers["X-CSRF-Token"]
    page = (await client.get("/console/mails?state=waiting")).text
    assert "amina@example.org" in page
    assert "Invitation" in page
    assert f'action="/console/mails/{mail["id"]}/retry"' in page
    assert "token=" not in page
    await house.services.sign_in.mails.send_due()
    assert "The mail server cannot be asked" in (await client.get("/console/mails")).text
    done = await client.post(f"/console/mails/{mail['id']}/retry", data={"csrf_token": token})
    assert (done.status_code, done.headers["location"]) == (303, "/console/mails")
    dropped = await client.post(f"/console/mails/{mail['id']}/drop", data={"csrf_token": token})
    assert dropped.status_code == 303
    assert "No mail was written yet" in (await client.get("/console/mails")).text
    late = await client.post(f"/console/mails/{mail['id']}/drop", data={"csrf_token": token})
    assert late.status_code == 303
    assert "already" in (await client.get("/console/mails")).text


async def test_page_says_that_no_server_is_set(house: House) -> None:
    await house.user(Role.ADMIN)
    assert "No mail server is set" in (await (await house.log_in()).get("/console/mails")).text

"""Invitations and ways back in by mail: through a real server, in the reader's language, to those who are somebody."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from sqlalchemy import select

from infra.test_mail import free_port
from ingufu.accounts.model import Role, RoleGrant
from ingufu.accounts.sign_in.tables import reset_requests, sign_in_links
from ingufu.infra.mail.model import MailRules, Security
from ingufu.infra.mail.service import Mails
from ingufu.infra.mail.tables import outgoing_mail
from ingufu.web.console.letters import written
from web.api.conftest import House, make_context

URL = "https://csms.example.org"
NEW = "a quiet morning in Kisumu"


class Box:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.messages.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        return "250 OK"

    def token(self) -> str:
        body = self.messages[-1].get_body(("plain",))
        assert body is not None
        found = re.search(rf"{URL}/console/(?:reset|invitation)\?token=(\w+)", body.get_content())
        assert found is not None
        return found[1]


@pytest.fixture
def box(house: House) -> Iterator[Box]:
    box, port = Box(), free_port()
    running = Controller(box, hostname="localhost", port=port, ready_timeout=20)
    running.start()
    rules = MailRules(server="localhost", port=port, security=Security.NONE, sender="a@example.org", timeout_s=15)
    sign_in, services = house.services.sign_in, house.services
    mails = Mails(services.database, services.clock, services.ids, sign_in.mails._vault, rules)
    sign_in.mails = sign_in.links._mails = mails
    yield box
    running.stop(no_assert=True)


async def deliver(house: House) -> None:
    """Do what the jobs do."""
    context = make_context(house.services, house.bus, public_url=URL)
    await house.services.sign_in.links.answer_resets(written(context))
    await house.services.sign_in.mails.send_due()


@pytest.mark.parametrize("settings", [{"public_url": URL}])
async def test_invited_get_a_mail_and_the_administrator_no_link(house: House, box: Box, settings: Any) -> None:
    admin = house.client(await house.key())
    async with house.database.work() as work:
        user = await house.services.accounts.create_user(
            work, organisation_id=house.organisation_id, email="new@example.org", name="<b>Né</b>", language="fr",
            grants=[RoleGrant(role=Role.VIEWER)],
        )  # fmt: skip
    made = (await admin.post(f"/api/v1/users/{user.id}/invitation")).json()
    assert made == {"is_mailed": True, "link": None, "hours": 168}
    rows = str(await house.database.select(select(outgoing_mail)))
    await deliver(house)
    [message] = box.messages
    assert (message["To"], message["Subject"]) == ("new@example.org", "Vous êtes invité sur Ingufu")
    assert box.token() not in rows, "sealed while it waits"
    html = message.get_body(("html",))
    assert html is not None
    assert "&lt;b&gt;Né&lt;/b&gt;" in html.get_content()
    plain = message.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().startswith("Bonjour <b>Né</b>,")
    answer = await house.client().post("/api/v1/invitation", json={"token": box.token(), "password": NEW})
    assert answer.status_code == 200


async def test_only_who_is_somebody_gets_a_way_back_in(house: House, box: Box) -> None:
    user_id = await house.user(Role.VIEWER)
    for email in ("KEZA@example.org", "nobody@example.org"):
        assert (await house.client().post("/api/v1/forgot", json={"email": email})).status_code == 204
    assert await house.database.select(select(sign_in_links)) == [], "nobody has looked yet who it is"
    await deliver(house)
    assert [one["To"] for one in box.messages] == ["keza@example.org"]
    body = {"token": box.token(), "password": NEW}
    assert (await house.client().post("/api/v1/reset", json=body)).status_code == 204
    assert (await house.client().post("/api/v1/reset", json=body)).status_code == 404
    await house.user(Role.ADMIN, email="chief@example.org")
    async with house.database.work() as work:
        await house.services.accounts.update_user(work, user_id, is_disabled=True)
    await house.client().post("/api/v1/forgot", json={"email": "keza@example.org"})
    await deliver(house)
    assert len(box.messages) == 1
    handled = [row["handled_at"] for row in await house.database.select(select(reset_requests))]
    assert None not in handled


async def test_nobody_is_flooded_with_mail(house: House, box: Box) -> None:
    await house.user(Role.VIEWER)
    for _ in range(6):
        await house.client().post("/api/v1/forgot", json={"email": "keza@example.org"})
        await deliver(house)
    assert len(box.messages) == 3
    house.clock.advance(3601)
    await house.client().post("/api/v1/forgot", json={"email": "keza@example.org"})
    await deliver(house)
    assert len(box.messages) == 4


async def test_pages_lead_from_a_forgotten_password_to_a_log_in(house: House, box: Box) -> None:
    await house.user(Role.VIEWER)
    client: httpx.AsyncClient = house.client()
    told = await client.post("/console/forgot", data={"email": "keza@example.org"})
    assert "a mail is on its way" in told.text
    await deliver(house)
    token = box.token()
    assert "keza@example.org" in (await client.get(f"/console/reset?token={token}")).text
    weak = await client.post("/console/reset", data={"token": token, "password": "password"})
    assert weak.status_code == 422
    done = await client.post("/console/reset", data={"token": token, "password": NEW})
    assert (done.status_code, done.headers["location"]) == (303, "/console/login")
    assert (await client.get(f"/console/reset?token={token}")).status_code == 404
    logged_in = await client.post("/console/login", data={"email": "keza@example.org", "password": NEW})
    assert (logged_in.status_code, logged_in.headers["location"]) == (303, "/console")

"""Mail through a real SMTP server: sent with TLS and log-in, tried again, never lost, never sent twice without need."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.ending import end
from ingufu.infra.mail import store
from ingufu.infra.mail.jobs import keep_mailing
from ingufu.infra.mail.model import Content, MailRules, Security
from ingufu.infra.mail.service import Mails
from ingufu.infra.storage.database import Database
from ingufu.infra.vault import Vault

CONTENT = Content(
    subject="Gushyiraho ijambobanga\r\nBcc: x@y", plain="Muraho Keza,\nhttps://x/?token=s3cret\n", html="<p>é</p>"
)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class PostOffice:
    """Takes mail, or refuses it as a test wants."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answer = "250 OK"
        self.recipient_answer = "250 OK"

    async def handle_RCPT(self, _: Any, __: Any, envelope: Envelope, address: str, ___: Any) -> str:
        envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.taken.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
            self.recipients.append(list(envelope.rcpt_tos))
        return self.answer


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def office() -> PostOffice:
    return PostOffice()


@pytest.fixture
def server(office: PostOffice, authority: trustme.CA) -> Iterator[Controller]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    def check(_: Any, __: Any, ___: Any, ____: str, given: Any) -> AuthResult:
        is_right = (given.login, given.password) == (b"ingufu", b"pa55")
        return AuthResult(success=is_right, handled=True)

    running = Controller(
        office, hostname="localhost", port=free_port(), tls_context=context, require_starttls=True, auth_required=True,
        authenticator=check, auth_require_tls=True, ready_timeout=20,
    )  # fmt: skip
    running.start()
    yield running
    running.stop(no_assert=True)


@pytest.fixture
def rules(server: Controller, authority: trustme.CA, tmp_path: Path) -> MailRules:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return MailRules(
        server="localhost", port=server.server.sockets[0].getsockname()[1], user="ingufu", password="pa55",
        sender="Ingufu <no-reply@example.org>", authorities=str(file), timeout_s=15,
    )  # fmt: skip


def make(database: Database, clock: FrozenClock, ids: IdMaker, rules: MailRules, folder: Path) -> Mails:
    return Mails(database, clock, ids, Vault(folder / "secrets.key"), rules)


async def put(database: Database, mails: Mails, to: str = "keza@example.org") -> str:
    async with database.work() as work:
        return mails.put(work, to, CONTENT)


async def test_mail_is_sent_by_tls_and_log_in_and_its_words_are_gone_then(
    database, clock, ids, rules, office, tmp_path, capsys
) -> None:
    mails = make(database, clock, ids, rules, tmp_path)
    mail_id = await put(database, mails)
    assert "s3cret" not in str(await mails.latest()), "sealed while it waits"
    assert await mails.send_due() == 1
    assert await mails.send_due() == 0
    [message] = office.taken
    assert office.recipients == [["keza@example.org"]]
    assert (message["From"], message["To"]) == ("Ingufu <no-reply@example.org>", "keza@example.org")
    assert message["Bcc"] is None, "a subject makes no headers"
    assert message["Message-ID"] == f"<{mail_id}@example.org>"
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == CONTENT.plain
    assert message.get_body(("html",)).get_content().strip() == "<p>é</p>"
    [kept] = await mails.latest()
    assert (kept.content, kept.next_try_at, kept.sent_at) == ("", None, clock.now())
    assert "s3cret" not in "".join(capsys.readouterr())


async def test_mail_waits_for_a_server_that_is_away(database, clock, ids, rules, office, server, tmp_path) -> None:
    away = MailRules(server="localhost", port=1, sender=rules.sender, timeout_s=15)
    await put(database, make(database, clock, ids, away, tmp_path))
    assert await make(database, clock, ids, away, tmp_path).send_due() == 0
    mails = make(database, clock, ids, rules, tmp_path)
    assert await mails.send_due() == 0, "not at once again"
    clock.advance(31)
    assert await mails.send_due() == 1
    assert len(office.taken) == 1


async def test_temporary_refusal_is_tried_again_and_a_final_one_is_not(
    database, clock, ids, rules, office, tmp_path
) -> None:
    mails = make(database, clock, ids, rules, tmp_path)
    await put(database, mails)
    office.answer = "451 Try later"
    for tries in range(1, 4):
        assert await mails.send_due() == 0
        clock.advance(3601)
        assert (await mails.latest())[0].tries == tries
    office.recipient_answer = "550 Nobody here"
    assert await mails.send_due() == 0
    [kept] = await mails.latest()
    assert (kept.next_try_at, kept.content) == (None, "")
    assert kept.failed_at is not None
    assert "550" in (kept.last_error or "")


async def test_mail_is_given_up_after_two_days(database, clock, ids, rules, office, tmp_path) -> None:
    mails = make(database, clock, ids, rules, tmp_path)
    await put(database, mails)
    office.answer = "451 Try later"
    for _ in range(60):
        await mails.send_due()
        clock.advance(3601)
    assert (await mails.latest())[0].failed_at is not None


async def test_mail_of_a_killed_process_is_sent_by_the_next(database, clock, ids, rules, office, tmp_path) -> None:
    mails = make(database, clock, ids, rules, tmp_path)
    mail_id = await put(database, mails)
    [mail] = await store.due(database, clock.now())
    async with database.work() as work:  # as a process does that dies before it sends
        store.claim(work, mail, clock.now() + timedelta(seconds=rules.lease_s))
    assert await mails.send_due() == 0
    clock.advance(rules.lease_s + 1)
    assert await mails.send_due() == 1
    assert office.taken[0]["Message-ID"] == f"<{mail_id}@example.org>"


async def test_two_processes_send_a_mail_once(database, clock, ids, rules, office, tmp_path) -> None:
    mails = [make(database, clock, ids, rules, tmp_path) for _ in range(2)]
    for number in range(5):
        await put(database, mails[0], f"p{number}@example.org")
    sent = await asyncio.gather(*(one.send_due() for one in mails))
    assert sum(sent) == 5
    assert sorted(address for [address] in office.recipients) == [f"p{number}@example.org" for number in range(5)]


async def test_nothing_is_sent_in_the_clear_or_to_a_stranger(
    database, clock, ids, rules, office, server, tmp_path
) -> None:
    stranger = MailRules(server="localhost", port=rules.port, sender=rules.sender, timeout_s=15)  # trusts the machine's
    await put(database, make(database, clock, ids, stranger, tmp_path))
    assert await make(database, clock, ids, stranger, tmp_path).send_due() == 0
    plain = Controller(office, hostname="localhost", port=free_port(), ready_timeout=20)  # offers no STARTTLS
    plain.start()
    port = plain.server.sockets[0].getsockname()[1]
    clock.advance(31)
    asked = MailRules(server="localhost", port=port, sender=rules.sender, timeout_s=15)
    assert await make(database, clock, ids, asked, tmp_path).send_due() == 0
    assert office.taken == []
    clock.advance(3601)
    nearby = MailRules(server="localhost", port=port, sender=rules.sender, security=Security.NONE, timeout_s=15)
    assert await make(database, clock, ids, nearby, tmp_path).send_due() == 1
    plain.stop(no_assert=True)


async def test_job_sends_what_comes(database, clock, ids, rules, office, tmp_path) -> None:
    mails = make(database, clock, ids, rules, tmp_path)
    task = asyncio.create_task(keep_mailing(mails, look_s=0.01))
    await put(database, mails)
    async with asyncio.timeout(20):
        while not office.taken:
            await asyncio.sleep(0.01)
    await end(task)
    assert len(office.taken) == 1

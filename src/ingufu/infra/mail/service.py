"""The queue of mail: what is put into it is sent at least once, whatever dies in between."""

from datetime import timedelta

import msgspec
import structlog

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, NotFound, PartnerFailed, Unavailable
from ingufu.core.ids import IdMaker
from ingufu.infra.mail import smtp, store
from ingufu.infra.mail.model import Content, Mail, MailRules, MailState
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.vault import Vault

_PURPOSE = "outgoing_mail.content"
_FIRST_WAIT_S = 30
_LONGEST_WAIT_S = 3600
_KEPT = timedelta(days=30)  # of what was sent: that it was, not what it said

log = structlog.get_logger(__name__)


class Mails:
    """Mail on its way. Its content is sealed at rest, gone when it was sent, and never logged."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, vault: Vault, rules: MailRules) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._vault = vault
        self._rules = rules

    @property
    def is_on(self) -> bool:
        """Whether the settings name a mail server."""
        return bool(self._rules.server)

    def put(self, work: Work, recipient: str, content: Content, *, kind: str = "") -> str:
        """Have a mail be sent once the unit is committed; return its id. Raises Unavailable without a server."""
        if not self.is_on:
            raise Unavailable("No mail server is set.")
        now = self._clock.now()
        mail = Mail(
            id=self._ids.new(),
            recipient=recipient,
            content=self._vault.seal(msgspec.json.encode(content).decode(), _PURPOSE),
            created_at=now,
            next_try_at=now,
            tries=0,
            kind=kind,
        )
        store.add(work, mail)
        return mail.id

    async def send_due(self) -> int:
        """Try every mail whose time has come; return how many were sent."""
        if not self.is_on:
            return 0
        sent = 0
        for mail in await store.due(self._database, self._clock.now()):
            sent += await self._try(mail)
        return sent

    async def latest(self, most: int = 100) -> list[Mail]:
        """Return the newest mails, their content sealed."""
        return await store.latest(self._database, most)

    async def page(
        self, *, state: MailState | None = None, recipient: str = "", before_id: str | None = None, limit: int = 50
    ) -> list[Mail]:
        """Return mails before one, the newest first, their content sealed."""
        return await store.page(
            self._database, state=state, recipient=recipient.strip(), before_id=before_id, limit=limit
        )

    async def retry(self, work: Work, mail_id: str) -> Mail:
        """Have a mail that waits be tried now. Raises NotFound, and Conflict for one that waits no more."""
        mail = await self._find(mail_id)
        if mail.state is not MailState.WAITING:
            raise Conflict("It waits no more, and what it said is gone: send a new one instead.")
        after = msgspec.structs.replace(mail, next_try_at=self._clock.now())
        store.change(work, mail_id, {"next_try_at": after.next_try_at})
        return after

    async def drop(self, work: Work, mail_id: str) -> Mail:
        """Let a mail that was not sent be gone, and return it. Raises NotFound, and Conflict for one that was sent."""
        mail = await self._find(mail_id)
        if mail.state is MailState.SENT:
            raise Conflict("It was sent already.")
        store.drop(work, mail_id)
        return mail

    async def _find(self, mail_id: str) -> Mail:
        found = await store.find(self._database, mail_id)
        if found is None:
            raise NotFound("There is no such mail.")
        return found

    async def prune(self) -> None:
        """Forget mails that were sent or given up a while ago."""
        async with self._database.work() as work:
            store.prune(work, self._clock.now() - _KEPT)

    async def _try(self, mail: Mail) -> bool:
        try:
            async with self._database.work() as work:
                store.claim(work, mail, self._clock.now() + timedelta(seconds=self._rules.lease_s))
        except Conflict:  # another process has it
            return False
        try:
            content = msgspec.json.decode(self._vault.open(mail.content, _PURPOSE), type=Content)
            await smtp.send(self._rules, mail.id, mail.recipient, content, mail.created_at)
        except PartnerFailed as error:
            await self._failed(mail, error.message, is_final=not error.retryable)
            return False
        except Unavailable as error:  # sealed with another key: nobody can read it any more
            await self._failed(mail, error.message, is_final=True)
            return False
        async with self._database.work() as work:
            done = {"content": "", "next_try_at": None, "sent_at": self._clock.now(), "last_error": None}
            store.change(work, mail.id, done)
        log.info("mail.sent", mail=mail.id)
        return True

    async def _failed(self, mail: Mail, why: str, *, is_final: bool) -> None:
        now = self._clock.now()
        is_final = is_final or (now - mail.created_at).total_seconds() > self._rules.kept_trying_s
        wait_s = min(_FIRST_WAIT_S * 2 ** min(mail.tries, 20), _LONGEST_WAIT_S)
        log.warning("mail.not_sent", mail=mail.id, error=why, tries=mail.tries + 1, is_final=is_final)
        values = {"last_error": why[:200], "next_try_at": now + timedelta(seconds=wait_s)}
        if is_final:
            values |= {"next_try_at": None, "failed_at": now, "content": ""}
        async with self._database.work() as work:
            store.change(work, mail.id, values)

"""Links in mails: the way back in for who forgot the password, and invitations. Good once, for a while."""

from collections.abc import Callable
from datetime import timedelta

import structlog

from ingufu.accounts.model import Principal, User
from ingufu.accounts.service import Accounts
from ingufu.accounts.service.people import email_key
from ingufu.accounts.sign_in import store
from ingufu.accounts.sign_in.model import Letter, Link, LinkKind, SignInRules
from ingufu.core.addresses import network_of
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, NotFound, TooManyRequests, Unauthenticated
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.infra import secrets
from ingufu.infra.mail.model import Content
from ingufu.infra.mail.service import Mails
from ingufu.infra.storage.database import Database, Work

MOST_OF_ADDRESS = 10  # asked for from one address in an hour
MOST_OF_USER = 3  # mails to one person in an hour
_HOUR = timedelta(hours=1)
_KEPT = timedelta(days=30)
_OVER = "This link was used already, or is too old. Ask for another one."
_LONGEST = 200

Write = Callable[[Letter], Content]  # puts a letter in words

log = structlog.get_logger(__name__)


class Links:
    """Who asks for a way back in is answered before anybody looks whether there is such a person."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        accounts: Accounts,
        mails: Mails,
        rules: SignInRules,
        *,
        random_bytes: RandomBytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._accounts = accounts
        self._mails = mails
        self._rules = rules
        self._random_bytes = random_bytes

    async def ask_reset(self, email: str, address: str) -> None:
        """Keep that somebody asked for a way back in; a job looks who it is, and sends a mail if it is anybody.

        Raises TooManyRequests for an address that asks for many.
        """
        now = self._clock.now()
        origin = network_of(address)
        asked = await store.asked_from(self._database, origin, now - _HOUR)
        if len(asked) >= MOST_OF_ADDRESS:
            wait = min(asked) + _HOUR - now
            raise TooManyRequests(retry_after_s=int(wait.total_seconds()) + 1)
        async with self._database.work() as work:
            values = {"id": self._ids.new(), "email_key": email_key(email)[:254], "address": origin, "at": now}
            store.ask_reset(work, values | {"handled_at": None})

    async def answer_resets(self, write: Write) -> int:
        """Mail a link to everybody who asked and is somebody; return how many were asked for."""
        asked = await store.asked_resets(self._database)
        for row in asked:
            try:
                await self._answer(row["id"], row["email_key"], write)
            except Conflict:  # another process has done it
                continue
        return len(asked)

    async def make_reset(self, work: Work, user_id: str, by: Principal) -> str:
        """Return the token of a link to hand over, to set a new password by. Raises NotFound, Forbidden."""
        user = await self._accounts.user(user_id)
        await self._accounts.check_over(user, by)
        return self._make(work, user, LinkKind.RESET)

    async def invite(self, work: Work, user_id: str, by: Principal) -> tuple[User, str]:
        """Return the user and the token of a link by which they choose how to sign in; links before are void.

        Raises NotFound, Forbidden, Conflict for somebody who has signed in before.
        """
        user = await self._accounts.user(user_id)
        await self._accounts.check_over(user, by)
        factors = await store.factors(self._database, user_id)
        if user.password_hash is not None or factors.is_any:
            raise Conflict("They can sign in already. If they forgot how, make them a link to reset the password.")
        if user.disabled_at is not None:
            raise Conflict("This user is disabled.")
        store.end_links(work, user_id, self._clock.now())
        return user, self._make(work, user, LinkKind.INVITATION)

    def mail(self, work: Work, user: User, letter: Letter, write: Write) -> bool:
        """Have the letter be sent with the unit of work; False without a mail server."""
        if not self._mails.is_on:
            return False
        self._mails.put(work, user.email, write(letter), kind=letter.kind)
        return True

    async def look(self, token: str, kind: LinkKind, address: str) -> tuple[Link, User]:
        """Return the link of this token and whose it is. Raises NotFound, TooManyRequests for who guesses."""
        try:
            async with self._accounts.guessing("", address):
                return await self._find(token, kind)
        except Unauthenticated as error:
            raise NotFound(_OVER) from error

    async def _find(self, token: str, kind: LinkKind) -> tuple[Link, User]:
        link = await store.link(self._database, secrets.token_hash(token)) if 0 < len(token) <= _LONGEST else None
        if link is None or link.kind is not kind or link.used_at is not None or link.expires_at <= self._clock.now():
            raise Unauthenticated(_OVER)
        user = await self._accounts.user(link.user_id)
        if user.disabled_at is not None:
            raise Unauthenticated(_OVER)
        return link, user

    def use(self, work: Work, link: Link) -> None:
        """Have this link, and every other one of its user, be good no longer; Conflict if it was used in between."""
        now = self._clock.now()
        store.use_link(work, link.id, now)
        store.end_links(work, link.user_id, now)

    def void(self, work: Work, user_id: str) -> None:
        """Have every link of the user be good no longer, as when the password is changed otherwise."""
        store.end_links(work, user_id, self._clock.now())

    async def set_password(self, work: Work, link: Link, password: str) -> User:
        """Use the link to set a password; every log-in with the one before ends.

        Raises InvalidInput for an unfit password, after which the link is still good; Conflict at the commit if it
        was used in between.
        """
        user = await self._accounts.set_user_password(work, link.user_id, password)
        self.use(work, link)
        return user

    def letter(self, kind: LinkKind, user: User, token: str) -> Letter:
        """Return the letter that carries a link."""
        lasts_s = self._rules.reset_s if kind is LinkKind.RESET else self._rules.invitation_s
        path = f"/{kind.value}?token={token}"
        return Letter(
            kind=kind.value, language=user.language, name=user.name, path=path, hours=int(lasts_s // 3600), token=token
        )

    async def prune(self) -> None:
        """Delete what is over for long."""
        now = self._clock.now()
        async with self._database.work() as work:
            store.prune(work, now, now - _KEPT)

    def _make(self, work: Work, user: User, kind: LinkKind) -> str:
        now = self._clock.now()
        token = secrets.make_token(self._random_bytes)
        lasts_s = self._rules.reset_s if kind is LinkKind.RESET else self._rules.invitation_s
        added = Link(
            id=self._ids.new(),
            token_hash=secrets.token_hash(token),
            user_id=user.id,
            kind=kind,
            created_at=now,
            expires_at=now + timedelta(seconds=lasts_s),
        )
        store.add_link(work, added)
        return token

    async def _answer(self, request_id: str, key: str, write: Write) -> None:
        now = self._clock.now()
        user = await self._accounts.find_user(key)
        is_to_mail = user is not None and user.disabled_at is None and self._mails.is_on
        if user is not None and await store.count_resets(self._database, user.id, now - _HOUR) >= MOST_OF_USER:
            is_to_mail = False
        async with self._database.work() as work:
            store.handle_reset(work, request_id, now)
            if user is not None and is_to_mail:
                token = self._make(work, user, LinkKind.RESET)
                self.mail(work, user, self.letter(LinkKind.RESET, user, token), write)
        log.info("reset.asked", is_mailed=is_to_mail)

"""Logging in with a password, and the log-ins that come of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec
import structlog

from ingufu.accounts import decide, passwords, store
from ingufu.accounts.model import AccountRules, Login, Principal, User
from ingufu.accounts.service.people import email_key
from ingufu.accounts.service.recognised import Recognised
from ingufu.accounts.service.rights import Rights
from ingufu.core.addresses import network_of
from ingufu.core.clock import Clock
from ingufu.core.errors import NotFound, TooManyRequests, Unauthenticated
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.infra import secrets
from ingufu.infra.storage.database import Database, Work

_SECRET_LONGEST = 200
_AGENT_LONGEST = 300

OnFailure = Callable[[Work, str, str], None]  # with the unit that keeps it: the account, the address
LacksFactor = Callable[[User, str], Awaitable[bool]]  # by the user, and the method of their log-in

log = structlog.get_logger(__name__)


async def _lacks_nothing(user: User, method: str) -> bool:
    del user, method
    return False


class Logins:
    """Guessing is slowed down by account and by address; neither tells whether there is such an account."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        rules: AccountRules,
        *,
        passwords: secrets.PasswordHasher,
        random_bytes: RandomBytes,
        rights: Rights,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._account_rules = rules
        self._passwords = passwords
        self._random_bytes = random_bytes
        self._rights = rights
        self._recognised_logins = Recognised(clock, rules)
        self.lacks_factor: LacksFactor = _lacks_nothing  # told by whoever keeps the second factors
        self.on_failure: OnFailure = _tell_nobody
        self._trying: dict[str, int] = {}  # passwords being checked now, by account and by address

    async def login(self, email: str, password: str, *, address: str, user_agent: str = "") -> tuple[str, User]:
        """Return the secret for the cookie of a new log-in by password alone, and who it is.

        Raises Unauthenticated, after the same time whatever was wrong, and TooManyRequests after too many wrong ones.
        """
        user = await self.check_password(email, password, address=address)
        secret, _ = await self.begin_login(user, address=address, user_agent=user_agent)
        return secret, user

    async def check_password(self, email: str, password: str, *, address: str) -> User:
        """Return whose address and password these are. Raises as `login` does."""
        account = email_key(email)[:254]
        async with self.guessing(account, address):
            user = await store.user_by_email(self._database, account)
            principal = None if user is None else await self._rights.principal_of_user(user, None, address)
            stored = None if user is None or principal is None else user.password_hash
            is_right = await self._passwords.matches(stored, password[: passwords.MAX_LENGTH])
            if not is_right or user is None:
                raise Unauthenticated("The address or the password is wrong.")
        if user.password_hash is not None and self._passwords.is_outdated(user.password_hash):
            rehashed = await self._passwords.hash(password)
            async with self._database.work() as work:
                store.change_user(work, user.id, {"password_hash": rehashed})
        return user

    async def proves_password(self, user: User, password: str) -> bool:
        """Return whether this is the user's password, within a `guessing`; it takes as long without one."""
        return await self._passwords.matches(user.password_hash, password[: passwords.MAX_LENGTH])

    async def may_enter(self, user: User, address: str) -> bool:
        """Return whether the user may log in at all."""
        return await self._rights.principal_of_user(user, None, address) is not None

    async def check_over(self, user: User, by: Principal) -> None:
        """Raise Forbidden if the user may more than `by`, who could take their place."""
        await self._rights.check_over(user, by)

    @asynccontextmanager
    async def guessing(
        self, account: str, address: str, *, longest: timedelta = decide.LONGEST_WAIT
    ) -> AsyncIterator[None]:
        """Judge what may be a guess within the block: Unauthenticated raised in it counts as a wrong one.

        `account` is what is guessed at, empty if only the address tells guesses apart.
        Raises TooManyRequests after too many wrong ones.
        """
        origin = network_of(address)
        before = self._count_trying(account, origin, 1)
        try:
            await self._check_may_try(account, origin, before, longest)
            try:
                yield
            except Unauthenticated:
                await self._note_failure(account, origin)
                raise
        finally:
            self._count_trying(account, origin, -1)

    async def principal_of_login(self, secret: str, address: str | None = None) -> Principal | None:
        """Return who the cookie's secret stands for; None if it is not or no longer good."""
        if not 0 < len(secret) <= _SECRET_LONGEST:
            return None
        hashed = secrets.token_hash(secret)
        entry = self._recognised_logins.get(hashed)
        if entry is None:
            found = await store.login(self._database, hashed)
            now = self._clock.now()
            if found is None or found.revoked_at is not None or found.expires_at <= now:
                return None
            user = await store.user(self._database, found.user_id)
            principal = None if user is None else await self._rights.principal_of_user(user, found.id, address)
            if user is None or principal is None:
                return None
            if await self.lacks_factor(user, found.method):
                principal = msgspec.structs.replace(principal, must_enrol=True)
            entry = self._recognised_logins.put(
                hashed, principal, used_at=found.last_used_at, expires_at=found.expires_at, created_at=found.created_at
            )
        if self._recognised_logins.is_to_mark(entry):
            now = self._clock.now()
            entry.expires_at = decide.expiry(entry.created_at, now, self._account_rules)
            store.mark_login_used(self._database, entry.principal.login_id or "", now, entry.expires_at)
        return entry.asked_from(address)

    async def logout(self, secret: str) -> None:
        """Let the log-in of this secret be good no longer."""
        found = await store.login(self._database, secrets.token_hash(secret))
        if found is not None:
            async with self._database.work() as work:
                await self.log_out(work, found.id)

    async def log_out(self, work: Work, login_id: str) -> None:
        """Let this log-in be good no longer."""
        store.revoke_login(work, login_id, self._clock.now())
        work.after_commit(self.forget_logins)

    async def revoke_logins(self, work: Work, user_id: str) -> None:
        """Let every log-in of the user be good no longer."""
        store.revoke_logins(work, user_id, self._clock.now())
        work.after_commit(self.forget_logins)

    def forget_logins(self) -> None:
        """Forget what is held in memory of who is logged in; it is read anew."""
        self._recognised_logins.clear()

    async def prune_logins(self) -> None:
        """Delete log-ins that ended a while ago, and failures that no longer count."""
        now = self._clock.now()
        async with self._database.work() as work:
            store.prune_logins(work, ended_before=now - timedelta(days=30), failed_before=self._since())

    async def _check_may_try(self, account: str, origin: str, before: tuple[int, int], longest: timedelta) -> None:
        """Raise TooManyRequests while one has to wait.

        `before`: the tries for the account and from the address that were being checked when this one came; they
        count as failed, or a thousand at once would all be free.
        """
        now = self._clock.now()
        by_account = await store.failures_of_email(self._database, account, self._since()) if account else []
        by_origin = await store.failures_of_address(self._database, origin, self._since())
        waits = (
            decide.wait_until(
                by_account + [now] * before[0] if account else (),
                free=decide.FREE_FAILURES,
                longest=longest,
            ),
            decide.wait_until(
                by_origin + [now] * before[1],
                free=decide.FREE_FAILURES_OF_ADDRESS,
                longest=decide.LONGEST_WAIT_OF_ADDRESS,
            ),
        )
        until = max((wait for wait in waits if wait is not None), default=now)
        if until > now:
            raise TooManyRequests(retry_after_s=int((until - now).total_seconds()) + 1)

    async def _note_failure(self, account: str, origin: str) -> None:
        log.info("login.failed", address=origin)
        async with self._database.work() as work:
            store.add_failure(work, account, origin, self._clock.now())
            self.on_failure(work, account, origin)

    async def begin_login(
        self, user: User, *, address: str, user_agent: str = "", method: str = "password", forgives: str = ""
    ) -> tuple[str, str]:
        """Return secret and id of a new log-in of someone who has shown who they are, and forgive their wrong tries.

        `forgives` names another account, as `guessing` has it, of which wrong tries are forgiven, too.
        """
        now = self._clock.now()
        secret, login_id = secrets.make_token(self._random_bytes), self._ids.new()
        async with self._database.work() as work:
            store.add_login(
                work,
                Login(
                    id=login_id,
                    secret_hash=secrets.token_hash(secret),
                    user_id=user.id,
                    created_at=now,
                    last_used_at=now,
                    expires_at=decide.expiry(now, now, self._account_rules),
                    address=address,
                    user_agent=user_agent[:_AGENT_LONGEST].replace("\x00", ""),
                    method=method,
                ),
            )
            store.forgive(work, email_key(user.email))
            if forgives:
                store.forgive(work, forgives)
        return secret, login_id

    async def logins_of(self, user_id: str) -> list[Login]:
        """Return where the user is logged in, what was used last first."""
        now = self._clock.now()
        return await store.logins_of(self._database, user_id, now)

    async def end_login(self, work: Work, user_id: str, login_id: str) -> None:
        """Let one log-in of this user be good no longer. Raises NotFound."""
        if all(one.id != login_id for one in await self.logins_of(user_id)):
            raise NotFound("There is no such log-in.")
        await self.log_out(work, login_id)

    def end_other_logins(self, work: Work, user_id: str, but_not: str) -> None:
        """Let every log-in of the user be good no longer, except one."""
        store.revoke_logins(work, user_id, self._clock.now(), but_not=but_not)
        work.after_commit(self.forget_logins)

    def renew_login(self, work: Work, login_id: str) -> str:
        """Return another secret for the log-in; the one before is good no longer."""
        secret = secrets.make_token(self._random_bytes)
        store.renew_login(work, login_id, secrets.token_hash(secret))
        work.after_commit(self.forget_logins)
        return secret

    def _since(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._account_rules.failures_kept_s)

    def _count_trying(self, account: str, origin: str, by: int) -> tuple[int, int]:
        """Count a try that begins or ends, and return how many there were before, for the account and from there."""
        keys = (f"account {account}", f"origin {origin}")
        of_account, of_origin = (self._trying.get(key, 0) for key in keys)
        for key, count in zip(keys, (of_account + by, of_origin + by), strict=True):
            if count:
                self._trying[key] = count
            else:
                del self._trying[key]
        return of_account, of_origin


def _tell_nobody(work: Work, account: str, origin: str) -> None:
    del work, account, origin

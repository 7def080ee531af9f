"""Second factors: apps that make codes, and recovery codes for when the telephone is gone."""

from datetime import timedelta

from ingufu.accounts.model import Principal, User
from ingufu.accounts.service import Accounts
from ingufu.accounts.sign_in import decide, store
from ingufu.accounts.sign_in.model import Factor, Factors, SignInRules, Totp
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.vault import Vault

LONGEST_WAIT = timedelta(minutes=15)  # who guesses here knows the password: nobody else can be locked out
_PURPOSE = "totp_factors.secret"
_PROOF_LONGEST = 1024
_WRONG = "The code is wrong, or was used already."


class SecondFactors:
    """Codes are taken once; secrets are sealed at rest, recovery codes only hashed."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        accounts: Accounts,
        vault: Vault,
        rules: SignInRules,
        *,
        random_bytes: RandomBytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._accounts = accounts
        self._vault = vault
        self._rules = rules
        self._random_bytes = random_bytes
        accounts.lacks_factor = self.lacks_factor

    async def factors(self, user_id: str) -> Factors:
        """Return which second factors the user has."""
        return await store.factors(self._database, user_id)

    def needs_factor(self, user: User) -> bool:
        """Return whether the settings demand a second factor of the user."""
        return decide.demands_factor(user.grants, self._rules.second_factor_for)

    async def lacks_factor(self, user: User, method: str) -> bool:
        """Return whether somebody logged in by this method has to set up a second factor before all else."""
        if decide.is_strong(method) or not self.needs_factor(user):
            return False
        return not (await self.factors(user.id)).is_any

    async def begin_totp(self, work: Work, user: User) -> str:
        """Return the address for the QR code of a new app, which counts once it has shown a code.

        Raises Conflict if there is one already.
        """
        known = await store.totp(self._database, user.id)
        if known is not None and known.confirmed_at is not None:
            raise Conflict("There is an app already. Remove it before you set up another one.")
        secret = self._random_bytes(decide.SECRET_BYTES)
        sealed = self._vault.seal(secret.hex(), f"{_PURPOSE}:{user.id}")
        added = Totp(user_id=user.id, secret=sealed, last_step=0, created_at=self._clock.now())
        store.begin_totp(work, added)
        return decide.totp_address(secret, user.email, self._rules.network)

    async def draft_address(self, user: User) -> str | None:
        """Return the address of the app that is being set up, to be shown again; None if there is none."""
        known = await store.totp(self._database, user.id)
        if known is None or known.confirmed_at is not None:
            return None
        return decide.totp_address(self._secret(known), user.email, self._rules.network)

    async def confirm_totp(self, work: Work, principal: Principal, code: str) -> tuple[str, ...]:
        """Have the app count, as it shows the right code; other log-ins end. Return fresh recovery codes, shown once.

        Raises NotFound if none is being set up, InvalidInput for a wrong code, Conflict, TooManyRequests.
        """
        known = await store.totp(self._database, principal.id)
        if known is None or known.confirmed_at is not None:
            raise NotFound("No app is being set up.")
        try:
            async with self._accounts.guessing(
                decide.limit_key(principal.id), principal.address or "", longest=LONGEST_WAIT
            ):
                step = self._step(known, code)
        except Unauthenticated as error:
            raise InvalidInput("The code is another one. Is the clock of the telephone right?", field="code") from error
        store.confirm_totp(work, principal.id, step, self._clock.now())
        self._accounts.end_other_logins(work, principal.id, principal.login_id or "")
        return self.renew_codes(work, principal.id)

    def renew_codes(self, work: Work, user_id: str) -> tuple[str, ...]:
        """Return fresh recovery codes; those before are good no longer."""
        codes = decide.make_recovery_codes(self._random_bytes)
        store.replace_codes(work, user_id, {self._ids.new(): decide.recovery_hash(user_id, code) for code in codes})
        return codes

    async def remove_totp(self, work: Work, user_id: str) -> None:
        """Let the app count no longer. Recovery codes go with the last second factor. Raises NotFound, Conflict."""
        factors = await self.factors(user_id)
        if not factors.has_totp:
            raise NotFound("There is no app.")
        await self.check_not_last(user_id)
        store.remove_totp(work, user_id)
        if not factors.passkeys:
            store.replace_codes(work, user_id, {})
        work.after_commit(self._accounts.forget_logins)

    async def check_not_last(self, user_id: str) -> None:
        """Raise Conflict if the user needs a second factor and this is the last one."""
        factors = await self.factors(user_id)
        user = await self._accounts.user(user_id)
        if self.needs_factor(user) and int(factors.has_totp) + factors.passkeys <= 1:
            raise Conflict("You need a second factor. Add another one before you remove this one.")

    async def reset(self, work: Work, user_id: str) -> None:
        """Let the user have no second factor, no passkey and no log-in any more, as when everything was lost.

        Raises NotFound.
        """
        await self._accounts.user(user_id)
        store.remove_factors(work, user_id)
        await self._accounts.revoke_logins(work, user_id)

    async def check_code(self, user_id: str, code: str, address: str) -> Factor:
        """Return what the code is of; it is taken with that. Raises Unauthenticated, TooManyRequests."""
        async with self._accounts.guessing(decide.limit_key(user_id), address, longest=LONGEST_WAIT):
            return await self._take(user_id, code)

    async def prove(self, principal: Principal, proof: str, *, accepts_fresh: bool) -> User:
        """Return the user, who has shown again that it is them: by password, code or recovery code.

        `accepts_fresh`: a log-in of a moment ago is enough. It always is for who has nothing to type.
        Raises Forbidden for keys, InvalidInput, TooManyRequests.
        """
        if principal.login_id is None:
            raise Forbidden("This is for people who have logged in.")
        user = await self._accounts.user(principal.id)
        factors = await self.factors(user.id)
        can_type = user.password_hash is not None or factors.has_totp
        if proof:
            await self._prove(user, proof[:_PROOF_LONGEST], principal.address or "")
        elif not ((accepts_fresh or not can_type) and await self._is_fresh(principal)):
            text = "Enter your password or a code." if can_type else "Log in anew with your passkey, then do this."
            raise InvalidInput(text, field="proof")
        return user

    async def prove_password(self, principal: Principal, password: str) -> None:
        """Raise InvalidInput unless this is the principal's password, TooManyRequests for who guesses."""
        user = await self._accounts.user(principal.id)
        key, address = decide.limit_key(user.id), principal.address or ""
        try:
            async with self._accounts.guessing(key, address, longest=LONGEST_WAIT):
                if not await self._accounts.proves_password(user, password):
                    raise Unauthenticated  # noqa: TRY301 - how a guess is told
        except Unauthenticated as error:
            raise InvalidInput("The present password is another one.", field="old") from error

    async def _prove(self, user: User, proof: str, address: str) -> None:
        try:
            async with self._accounts.guessing(decide.limit_key(user.id), address, longest=LONGEST_WAIT):
                if not await self._accounts.proves_password(user, proof):
                    await self._take(user.id, proof)
        except Unauthenticated as error:
            raise InvalidInput("That is neither the password nor a code that is good.", field="proof") from error

    async def _is_fresh(self, principal: Principal) -> bool:
        now = self._clock.now()
        logins = await self._accounts.logins_of(principal.id)
        return any(
            one.id == principal.login_id and (now - one.created_at).total_seconds() <= self._rules.fresh_s
            for one in logins
        )

    async def _take(self, user_id: str, code: str) -> Factor:
        try:
            if not decide.is_totp(code):
                async with self._database.work() as work:
                    store.use_code(work, user_id, decide.recovery_hash(user_id, code), self._clock.now())
                return Factor.RECOVERY_CODE
            known = await store.totp(self._database, user_id)
            if known is None or known.confirmed_at is None:
                raise Unauthenticated(_WRONG)
            step = self._step(known, code)
            async with self._database.work() as work:
                store.take_code(work, user_id, step)
        except Conflict as error:
            raise Unauthenticated(_WRONG) from error
        return Factor.TOTP

    def _step(self, known: Totp, code: str) -> int:
        step = decide.matching_step(self._secret(known), code, self._clock.now(), known.last_step)
        if step is None:
            raise Unauthenticated(_WRONG)
        return step

    def _secret(self, known: Totp) -> bytes:
        return bytes.fromhex(self._vault.open(known.secret, f"{_PURPOSE}:{known.user_id}"))

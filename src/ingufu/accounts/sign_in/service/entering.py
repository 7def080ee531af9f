"""Signing in, step by step: the first shows who it is, the second that it is really them."""

from datetime import timedelta
from typing import Any

from ingufu.accounts.model import User
from ingufu.accounts.service import Accounts
from ingufu.accounts.sign_in import decide
from ingufu.accounts.sign_in.model import Asked, Entry, Factor, Method, Relying, SignInRules, Step
from ingufu.accounts.sign_in.service.passkeys import Passkeys
from ingufu.accounts.sign_in.service.second_factors import SecondFactors
from ingufu.accounts.sign_in.service.steps import Steps
from ingufu.core.clock import Clock
from ingufu.core.errors import NotFound, Unauthenticated

_SECOND = "second step"


class Entering:
    """Every way ends in a log-in of its own; nothing that was handed out before is good for it."""

    def __init__(
        self,
        clock: Clock,
        accounts: Accounts,
        steps: Steps,
        rules: SignInRules,
        *,
        factors: SecondFactors,
        passkeys: Passkeys,
    ) -> None:
        self._clock = clock
        self._accounts = accounts
        self._steps = steps
        self._rules = rules
        self._factors = factors
        self._passkeys = passkeys

    async def by_password(self, email: str, password: str, *, address: str, user_agent: str) -> Entry | Step:
        """Return the log-in, or the step that is left. Raises Unauthenticated, TooManyRequests."""
        user = await self._accounts.check_password(email, password, address=address)
        return await self.after_first(user, Method.PASSWORD, address=address, user_agent=user_agent)

    async def by_passkey(self, state: str, credential: dict[str, Any], *, address: str, user_agent: str) -> Entry:
        """Return the log-in of whoever's passkey this is. Raises Unauthenticated, TooManyRequests."""
        user_id = await self._passkeys.check(state, credential, address)
        user = await self._somebody(user_id, address)
        return await self._enter(user, Method.PASSKEY, address, user_agent)

    async def after_first(self, user: User, method: Method, *, address: str, user_agent: str) -> Entry | Step:
        """Return the log-in of who was recognised by `method`, or the step that is left."""
        factors = await self._factors.factors(user.id)
        if not factors.is_any or method not in {Method.PASSWORD, Method.SSO}:
            return await self._enter(user, method, address, user_agent)
        secret = self._steps.make(_SECOND, {"user": user.id, "method": method.value}, self._rules.step_s)
        until = self._clock.now() + timedelta(seconds=self._rules.step_s)
        return Step(secret=secret, user_id=user.id, factors=factors.offered, expires_at=until)

    async def factors_of_step(self, step: str) -> tuple[Factor, ...]:
        """Return what this second step takes. Raises Unauthenticated."""
        factors = await self._factors.factors(self._steps.read(_SECOND, step)["user"])
        return factors.offered

    async def second_by_code(self, step: str, code: str, *, address: str, user_agent: str) -> Entry:
        """Return the log-in of who has shown a code after the first step. Raises Unauthenticated, TooManyRequests."""
        details = self._steps.read(_SECOND, step)
        factor = await self._factors.check_code(details["user"], code, address)
        return await self._second(step, factor, address, user_agent)

    async def ask_passkey(self, relying: Relying, step: str | None) -> Asked:
        """Return what a browser is to sign, by itself or as the second step. Raises Unauthenticated."""
        user_id = None if step is None else self._steps.read(_SECOND, step)["user"]
        return await self._passkeys.ask_use(relying, user_id)

    async def second_by_passkey(
        self, step: str, state: str, credential: dict[str, Any], *, address: str, user_agent: str
    ) -> Entry:
        """Return the log-in of who has used a passkey after the first step. Raises Unauthenticated, TooManyRequests."""
        user_id = self._steps.read(_SECOND, step)["user"]
        await self._passkeys.check(state, credential, address, user_id=user_id)
        return await self._second(step, Factor.PASSKEY, address, user_agent)

    async def _second(self, step: str, factor: Factor, address: str, user_agent: str) -> Entry:
        details = await self._steps.use(_SECOND, step)
        user = await self._somebody(details["user"], address)
        method = decide.method_after(Method(details["method"]), factor)
        return await self._enter(user, method, address, user_agent)

    async def _somebody(self, user_id: str, address: str) -> User:
        """Return the user if they may still enter."""
        try:
            user = await self._accounts.user(user_id)
        except NotFound as error:
            raise Unauthenticated from error
        if not await self._accounts.may_enter(user, address):
            raise Unauthenticated
        return user

    async def _enter(self, user: User, method: Method, address: str, user_agent: str) -> Entry:
        if not await self._accounts.may_enter(user, address):
            raise Unauthenticated("This account may not sign in.")
        secret, login_id = await self._accounts.begin_login(
            user,
            address=address,
            user_agent=user_agent,
            method=method.value,
            forgives=decide.limit_key(user.id) if decide.is_strong(method) else "",
        )
        return Entry(secret=secret, login_id=login_id, user_id=user.id, method=method)

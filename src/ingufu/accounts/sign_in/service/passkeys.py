"""Passkeys (WebAuthn level 3): signing in without a password, or as the second step."""

from typing import Any

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ingufu.accounts.model import User
from ingufu.accounts.service import Accounts
from ingufu.accounts.sign_in import decide, store
from ingufu.accounts.sign_in.model import Asked, Passkey, Relying, SignInRules
from ingufu.accounts.sign_in.service.steps import Steps
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.infra.storage.database import Database, Work

MOST = 20  # of one user
NAME_LONGEST = 60
_NEW, _USE = "new passkey", "use passkey"
_REFUSED = "The passkey is not known here, or its answer is not right."
_CHALLENGE_BYTES = 32
_BROKEN = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError)  # of hostile answers


class Passkeys:
    """Challenges are signed once, within minutes, for our own site alone."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        accounts: Accounts,
        steps: Steps,
        rules: SignInRules,
        *,
        random_bytes: RandomBytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._accounts = accounts
        self._steps = steps
        self._rules = rules
        self._random_bytes = random_bytes

    async def passkeys_of(self, user_id: str) -> list[Passkey]:
        """Return the passkeys of a user, the oldest first."""
        return await store.passkeys_of(self._database, user_id)

    async def ask_new(self, user: User, relying: Relying) -> Asked:
        """Return what a browser is asked to make a passkey of. Raises Conflict if there are too many."""
        known = await self.passkeys_of(user.id)
        if len(known) >= MOST:
            raise Conflict(f"There are {MOST} passkeys already.")
        challenge = self._random_bytes(_CHALLENGE_BYTES)
        options = generate_registration_options(
            rp_id=relying.rp_id,
            rp_name=self._rules.network,
            user_id=user.id.encode(),
            user_name=user.email,
            user_display_name=user.name,
            challenge=challenge,
            timeout=int(self._rules.challenge_s * 1000),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[_descriptor(one) for one in known],
        )
        return self._asked(_NEW, options, challenge, relying, user.id)

    async def add(self, work: Work, user_id: str, state: str, credential: dict[str, Any], name: str) -> Passkey:
        """Return the passkey that a browser made of what `ask_new` asked.

        Raises InvalidInput for an answer that is not right, Unauthenticated if it took too long, Conflict if the
        passkey is known already.
        """
        name = name.strip() or "Passkey"
        if len(name) > NAME_LONGEST or not name.isprintable():
            raise InvalidInput(f"A name has 1 to {NAME_LONGEST} printable characters.", field="name")
        asked = await self._steps.use(_NEW, state)
        if asked["user"] != user_id:
            raise Unauthenticated
        try:
            made = verify_registration_response(
                credential=credential,
                expected_challenge=bytes.fromhex(asked["challenge"]),
                expected_rp_id=asked["rp_id"],
                expected_origin=asked["origin"],
                require_user_verification=True,
            )
        except _BROKEN as error:
            raise InvalidInput("The passkey could not be checked.", field="credential") from error
        added = Passkey(
            id=self._ids.new(),
            user_id=user_id,
            credential_id=bytes_to_base64url(made.credential_id),
            public_key=bytes_to_base64url(made.credential_public_key),
            sign_count=made.sign_count,
            name=name,
            transports=_transports(credential),
            is_backed_up=made.credential_backed_up,
            created_at=self._clock.now(),
        )
        if await store.passkey(self._database, added.credential_id) is not None:
            raise Conflict("This passkey is known already.")
        store.add_passkey(work, added)
        work.after_commit(self._accounts.forget_logins)
        return added

    async def rename(self, work: Work, user_id: str, passkey_id: str, name: str) -> Passkey:
        """Raises NotFound, InvalidInput."""
        known = await self._own(user_id, passkey_id)
        if not 0 < len(name.strip()) <= NAME_LONGEST or not name.isprintable():
            raise InvalidInput(f"A name has 1 to {NAME_LONGEST} printable characters.", field="name")
        store.name_passkey(work, user_id, passkey_id, name.strip())
        return known

    async def remove(self, work: Work, user_id: str, passkey_id: str) -> Passkey:
        """Let the passkey be good no longer, and return it as it was. Raises NotFound."""
        known = await self._own(user_id, passkey_id)
        store.remove_passkey(work, user_id, passkey_id)
        work.after_commit(self._accounts.forget_logins)
        return known

    async def ask_use(self, relying: Relying, user_id: str | None = None) -> Asked:
        """Return what a browser is asked to sign: by any passkey of this site, or by one of this user's."""
        challenge = self._random_bytes(_CHALLENGE_BYTES)
        known = [] if user_id is None else await self.passkeys_of(user_id)
        verification = (
            UserVerificationRequirement.REQUIRED if user_id is None else UserVerificationRequirement.PREFERRED
        )
        options = generate_authentication_options(
            rp_id=relying.rp_id,
            challenge=challenge,
            timeout=int(self._rules.challenge_s * 1000),
            allow_credentials=[_descriptor(one) for one in known],
            user_verification=verification,
        )
        return self._asked(_USE, options, challenge, relying, user_id)

    async def check(self, state: str, credential: dict[str, Any], address: str, *, user_id: str | None = None) -> str:
        """Return whose passkey signed what `ask_use` asked.

        Without `user_id` the browser must have made sure that it is them (user verification).
        Raises Unauthenticated, TooManyRequests.
        """
        async with self._accounts.guessing("", address):
            asked = await self._steps.use(_USE, state)
            if asked["user"] != user_id:
                raise Unauthenticated(_REFUSED)
            known = await store.passkey(self._database, str(credential.get("id", ""))[:2000])
            if known is None or (user_id is not None and known.user_id != user_id):
                raise Unauthenticated(_REFUSED)
            await self._verify(known, asked, credential, needs_verification=user_id is None)
            return known.user_id

    async def _verify(
        self, known: Passkey, asked: dict[str, Any], credential: dict[str, Any], *, needs_verification: bool
    ) -> None:
        try:
            handle = credential["response"].get("userHandle")
            if handle and base64url_to_bytes(handle) != known.user_id.encode():
                raise Unauthenticated(_REFUSED)
            signed = verify_authentication_response(
                credential=credential,
                expected_challenge=bytes.fromhex(asked["challenge"]),
                expected_rp_id=asked["rp_id"],
                expected_origin=asked["origin"],
                credential_public_key=base64url_to_bytes(known.public_key),
                credential_current_sign_count=0,  # judged below, where a counter that stands still is refused
                require_user_verification=needs_verification,
            )
        except _BROKEN as error:
            raise Unauthenticated(_REFUSED) from error
        if decide.counter_flaw(known.sign_count, signed.new_sign_count):
            raise Unauthenticated("The passkey may have been copied: its counter went back. Remove it.")
        try:
            async with self._database.work() as work:
                store.mark_passkey_used(
                    work, known, signed.new_sign_count, self._clock.now(), is_backed_up=signed.credential_backed_up
                )
        except Conflict as error:
            raise Unauthenticated(_REFUSED) from error

    def _asked(self, purpose: str, options: Any, challenge: bytes, relying: Relying, user_id: str | None) -> Asked:
        details = {
            "challenge": challenge.hex(),
            "rp_id": relying.rp_id,
            "origin": relying.origin,
            "user": user_id,
        }
        state = self._steps.make(purpose, details, self._rules.challenge_s)
        return Asked(options=options_to_json_dict(options), state=state)

    async def _own(self, user_id: str, passkey_id: str) -> Passkey:
        found = next((one for one in await self.passkeys_of(user_id) if one.id == passkey_id), None)
        if found is None:
            raise NotFound("There is no such passkey.")
        return found


def _descriptor(known: Passkey) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(id=base64url_to_bytes(known.credential_id))


def _transports(credential: dict[str, Any]) -> tuple[str, ...]:
    response = credential.get("response")
    named = response.get("transports") if isinstance(response, dict) else None
    if not isinstance(named, list):
        return ()
    return tuple(one for one in named[:10] if isinstance(one, str) and one.isascii() and len(one) <= 20)

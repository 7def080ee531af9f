"""API keys: secrets for programs, with scopes, shown once."""

from collections.abc import Collection, Iterable
from datetime import datetime

from ingufu.accounts import decide, store
from ingufu.accounts.model import AccountRules, ApiKey, Principal, Scope
from ingufu.accounts.service.recognised import Recognised
from ingufu.accounts.service.rights import Rights
from ingufu.core.clock import Clock
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.infra import secrets
from ingufu.infra.storage.database import Database, Work

_NAME_LONGEST = 100
_PREFIX_LENGTH = 8


class Keys:
    """A key is `ingufu_<prefix>_<secret>`; only its hash is stored."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        rules: AccountRules,
        *,
        random_bytes: RandomBytes,
        rights: Rights,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes
        self._rights = rights
        self._recognised_keys = Recognised(clock, rules)

    async def create_key(
        self,
        work: Work,
        *,
        organisation_id: str,
        name: str,
        scopes: Iterable[Scope],
        expires_at: datetime | None = None,
        site_ids: Collection[str] | None = None,
        by: Principal | None = None,
    ) -> tuple[ApiKey, str]:
        """Return the new key and the text that its bearer sends, which nobody can find out again.

        `site_ids` None: every site that its organisation sees. `by` None: whoever runs the program, who may everything.
        Raises InvalidInput, also for what no key of the organisation can have, NotFound for the organisation, and
        Forbidden for more than `by` holds.
        """
        granted = tuple(sorted(set(scopes)))
        sites = None if site_ids is None else tuple(sorted(set(site_ids)))
        if not 0 < len(name.strip()) <= _NAME_LONGEST or not name.isprintable():
            raise InvalidInput(f"The name of a key has 1 to {_NAME_LONGEST} printable characters.", field="name")
        if not granted:
            raise InvalidInput("A key has at least one scope.", field="scopes")
        if expires_at is not None and expires_at <= self._clock.now():
            raise InvalidInput("The end of a key lies in the future.", field="expires_at")
        if sites == ():
            raise InvalidInput("A key sees some sites, or all of them.", field="site_ids")
        await self._rights.check_key(organisation_id, granted, sites, by)
        prefix = secrets.make_token(self._random_bytes)[:_PREFIX_LENGTH].lower()
        text = f"{decide.KEY_MARK}_{prefix}_{secrets.make_token(self._random_bytes)}"
        key = ApiKey(
            id=self._ids.new(),
            organisation_id=organisation_id,
            name=name,
            prefix=prefix,
            scopes=granted,
            site_ids=sites,
            created_at=self._clock.now(),
            expires_at=expires_at,
        )
        store.add_key(work, key, secrets.token_hash(text))
        return key, text

    async def keys(self) -> list[ApiKey]:
        """Return all keys, the oldest first, also those that are good no longer."""
        return await store.all_keys(self._database)

    async def key(self, key_id: str) -> ApiKey:
        """Raises NotFound."""
        found = await store.key(self._database, key_id)
        if found is None:
            raise NotFound(f"There is no API key {key_id!r}.")
        return found

    async def revoke_key(self, work: Work, key_id: str) -> None:
        """Let the key be good no longer: here at once, in other processes within seconds. Raises NotFound.

        Whoever may revoke keys may revoke any: it takes rights away and gives none.
        """
        await self.key(key_id)
        store.revoke_key(work, key_id, self._clock.now())
        work.after_commit(self._recognised_keys.clear)

    def forget_keys(self) -> None:
        """Forget what is held in memory of what keys may; it is read anew."""
        self._recognised_keys.clear()

    async def principal_of_key(self, secret: str, address: str | None = None) -> Principal | None:
        """Return who the key stands for; None if it is not or no longer good."""
        if not decide.is_key(secret):
            return None
        hashed = secrets.token_hash(secret)
        entry = self._recognised_keys.get(hashed)
        if entry is None:
            found = await store.key_by_secret(self._database, hashed)
            principal = None if found is None else await self._rights.principal_of_key(found, address)
            if found is None or principal is None:
                return None
            entry = self._recognised_keys.put(
                hashed,
                principal,
                used_at=found.last_used_at,
                expires_at=found.expires_at,
                created_at=found.created_at,
            )
        if self._recognised_keys.is_to_mark(entry):
            store.mark_key_used(self._database, entry.principal.id, self._clock.now())
        return entry.asked_from(address)

"""Use cases of accounts: the only door to them for other packages."""

import secrets as randomness
from collections.abc import Callable

from ingufu.accounts.model import AccountRules
from ingufu.accounts.service.idempotency import Idempotency
from ingufu.accounts.service.keys import Keys
from ingufu.accounts.service.logins import Logins
from ingufu.accounts.service.people import People
from ingufu.accounts.service.rights import Rights, SitesOf, no_sites
from ingufu.accounts.service.roles import Roles
from ingufu.accounts.service.sealing import SealedTrail
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.infra.secrets import PasswordHasher
from ingufu.infra.storage.database import Database
from ingufu.infra.witness import Witness

__all__ = ["AccountRules", "Accounts"]


class Accounts(People, Logins, Keys, Roles, SealedTrail, Idempotency):
    """Who runs the network: organisations, users, log-ins and API keys; what they did; what they asked twice."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        rules: AccountRules | None = None,
        *,
        passwords: PasswordHasher | None = None,
        random_bytes: RandomBytes = randomness.token_bytes,
        trail_key: Callable[[], bytes] | None = None,
        witness: Witness | None = None,
        sites_of: SitesOf = no_sites,
    ) -> None:
        rules = rules or AccountRules()
        passwords = passwords or PasswordHasher()
        rights = Rights(database, clock, sites_of)
        Logins.__init__(
            self, database, clock, ids, rules, passwords=passwords, random_bytes=random_bytes, rights=rights
        )
        People.__init__(
            self, database, clock, ids, passwords=passwords, forget_logins=self.forget_logins, rights=rights
        )
        Keys.__init__(self, database, clock, ids, rules, random_bytes=random_bytes, rights=rights)
        Roles.__init__(self, database, clock, ids, forget_logins=self.forget_logins)
        own_key = random_bytes(32) if trail_key is None else b""  # without one: of this process alone
        SealedTrail.__init__(self, database, clock, ids, trail_key or (lambda: own_key), witness)
        Idempotency.__init__(self, database, clock, rules)
        self.on_failure = self.audit_wrong_guess

    def forget_rights(self) -> None:
        """Forget what is held in memory of who may do what: an organisation got or lost sites."""
        self.forget_logins()
        self.forget_keys()

    async def prune(self) -> None:
        """Delete log-ins, failures and answers that have had their time. The audit trail has `prune_audit`."""
        await self.prune_logins()
        await self.prune_answers()

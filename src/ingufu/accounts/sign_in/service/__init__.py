"""Use cases of signing in: the only door to them for other packages."""

import secrets as randomness
from collections.abc import Sequence

from ingufu.accounts.service import Accounts
from ingufu.accounts.sign_in.model import Provider, SignInRules
from ingufu.accounts.sign_in.service.entering import Entering
from ingufu.accounts.sign_in.service.links import Links
from ingufu.accounts.sign_in.service.passkeys import Passkeys
from ingufu.accounts.sign_in.service.second_factors import SecondFactors
from ingufu.accounts.sign_in.service.single_sign_on import SingleSignOn
from ingufu.accounts.sign_in.service.steps import Steps
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.infra.mail.service import Mails
from ingufu.infra.storage.database import Database
from ingufu.infra.vault import Vault

__all__ = ["SignIn"]


class SignIn:
    """How people sign in, put together."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        accounts: Accounts,
        vault: Vault,
        mails: Mails,
        rules: SignInRules | None = None,
        providers: Sequence[Provider] = (),
        *,
        random_bytes: RandomBytes = randomness.token_bytes,
    ) -> None:
        self.rules = rules = rules or SignInRules()
        self.mails = mails
        steps = Steps(database, clock, vault)
        self.factors = SecondFactors(database, clock, ids, accounts, vault, rules, random_bytes=random_bytes)
        self.passkeys = Passkeys(database, clock, ids, accounts, steps, rules, random_bytes=random_bytes)
        self.links = Links(database, clock, ids, accounts, mails, rules, random_bytes=random_bytes)
        self.entering = Entering(clock, accounts, steps, rules, factors=self.factors, passkeys=self.passkeys)
        self.single_sign_on = SingleSignOn(
            database, clock, ids, accounts, steps, self.entering, rules, providers, random_bytes=random_bytes
        )

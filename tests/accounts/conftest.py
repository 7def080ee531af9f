"""A service of accounts on a fresh database, with an operator and an administrator; hashing is real but cheap."""

import random

import argon2
import pytest

from ingufu.accounts.model import AccountRules, Role
from ingufu.accounts.service import Accounts
from ingufu.infra.secrets import PasswordHasher

PASSWORD = "a quiet morning in Kisumu"


def make_accounts(database, clock, ids, rules=None):
    hasher = PasswordHasher(argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    return Accounts(
        database, clock, ids, rules or AccountRules(), passwords=hasher, random_bytes=random.Random(3).randbytes
    )


@pytest.fixture
def accounts(database, clock, ids):
    return make_accounts(database, clock, ids)


@pytest.fixture
async def operator(database, accounts):
    async with database.work() as work:
        return await accounts.ensure_operator(work, "Ingufu Nairobi")


@pytest.fixture
async def admin(database, accounts, operator):
    async with database.work() as work:
        return await accounts.create_user(
            work,
            organisation_id=operator.id,
            email="Amina@example.org",
            name="Amina",
            password=PASSWORD,
            roles=(Role.ADMIN,),
        )

"""Tariffs on a database, and terms to make them of."""

from decimal import Decimal

import pytest

from ingufu.infra.vault import Vault
from ingufu.tariffs.model import Dimension, Element, PriceComponent, Tax, TaxBasis, Terms
from ingufu.tariffs.service import FeedRules, NewTariff, PriceFeeds, Tariffs

OPERATOR = "operator"


def energy(price, *, currency="RWF", percent="18", basis=TaxBasis.INCLUDED):
    """Return the terms of a tariff that costs so much per kWh."""
    component = PriceComponent(dimension=Dimension.ENERGY, price=Decimal(price), taxes=(Tax(percent=Decimal(percent)),))
    return Terms(currency=currency, elements=(Element(components=(component,)),), tax_basis=basis)


@pytest.fixture
def feeds(database, clock, ids, tmp_path):
    return PriceFeeds(
        database, clock, ids, Vault(tmp_path / "secrets.key"), FeedRules(allows_private=True, timeout_s=15)
    )


@pytest.fixture
def tariffs(database, clock, ids, feeds):
    return Tariffs(database, clock, ids, feeds)


@pytest.fixture
def make(database, tariffs):
    """Makes a tariff with one version, and returns it."""

    async def put(name="Day", terms=None, **fields):
        new = NewTariff(organisation_id=OPERATOR, name=name, terms=terms or energy("250"), **fields)
        async with database.work() as work:
            tariff, _ = await tariffs.create(work, new, by="Keza")
        return tariff

    return put


@pytest.fixture
def do(database):
    """Does one thing in a unit of work of its own, and returns what it returned."""

    async def act(method, *args, **fields):
        async with database.work() as work:
            return await method(work, *args, **fields)

    return act

"""What the tests of evidence share."""

import pytest

from billing.evidence.network import Network


@pytest.fixture
async def network(database, clock, ids):
    return await Network(database, clock, ids).build()

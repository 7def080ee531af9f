"""Charge records in OCPI's words: what partners check a record by."""

import json
from decimal import Decimal
from typing import Any

import pytest

from billing.records.world import World, element, terms
from ingufu.billing.records.decide import credit_of
from ingufu.billing.records.model import ChargeRecord
from ingufu.billing.records.ocpi import ID_MAX, OcpiVersion, Party, SignedReading, cdr_of, country_of, encode
from ingufu.core.errors import InvalidInput
from ingufu.tariffs.model import Dimension, PriceLimit

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
PARTY = Party(country_code="RW", party_id="ING")


@pytest.fixture
async def record(world: World) -> ChargeRecord:
    limit = PriceLimit(before_taxes=Decimal(2000))
    await world.tariff(terms("RWF", element(Dimension.ENERGY, "250"), element(Dimension.FLAT, "100"), max_price=limit))
    transaction_id = await world.session(wh=12_000)
    await world.rate()
    (found,) = await world.issued(transaction_id)
    return found


def said(record: ChargeRecord, version: OcpiVersion = OcpiVersion.V230, **values: Any) -> Any:
    return json.loads(encode(cdr_of(record, PARTY, version, **values)))


async def test_record_in_2_2_1(record: ChargeRecord) -> None:
    cdr = said(record, OcpiVersion.V221)
    assert cdr["total_cost"] == {"excl_vat": 2000, "incl_vat": 2360}
    assert cdr["total_energy_cost"] == {"excl_vat": 3000, "incl_vat": 3540}  # before the limit, as parts are
    assert cdr["total_fixed_cost"] == {"excl_vat": 100, "incl_vat": 118}
    assert (cdr["total_energy"], cdr["total_time"]) == (12, 1)
    assert cdr["session_id"] == record.transaction_id
    assert cdr["cdr_token"]["uid"] == "CARD"
    assert cdr["cdr_location"]["country"] == "RWA"


async def test_record_in_2_3_0_names_its_taxes(record: ChargeRecord) -> None:
    cdr = said(record)
    assert cdr["total_cost"] == {"before_taxes": 2000, "taxes": [{"name": "VAT", "percentage": 18, "amount": 360}]}
    assert cdr["start_date_time"].endswith("Z")
    assert cdr["charging_periods"][0]["dimensions"]


async def test_credit_is_the_same_but_for_its_total(record: ChargeRecord) -> None:
    credit = credit_of(record, id_="019ca9b2-eae8-7263-86d2-c96e760e819b", reason="Goodwill.", at=record.issued_at)
    before, after = said(record), said(credit)
    assert (after["credit"], after["credit_reference_id"]) == (True, record.id)
    assert after["total_cost"] == {"before_taxes": -2000, "taxes": [{"name": "VAT", "percentage": 18, "amount": -360}]}
    differing = {name for name in after if before.get(name) != after[name]}
    assert differing == {"id", "total_cost", "credit", "credit_reference_id", "remark"}
    assert len(after["id"]) <= ID_MAX


async def test_signed_readings_go_along(record: ChargeRecord) -> None:
    readings = [SignedReading(nature=nature, data="OCMF|{}|{}", public_key="30") for nature in ("Start", "End")]
    cdr = said(record, signed=readings)
    assert cdr["signed_data"]["encoding_method"] == "OCMF"
    assert [one["nature"] for one in cdr["signed_data"]["signed_values"]] == ["Start", "End"]


async def test_party_that_is_none_is_refused(record: ChargeRecord) -> None:
    with pytest.raises(InvalidInput):
        cdr_of(record, Party(country_code="R", party_id="ING"), OcpiVersion.V221)


async def test_countries_have_three_letters(record: ChargeRecord) -> None:
    assert record.snapshot.country == "RW"
    assert [country_of(code) for code in ("RW", "KE", "FR", "DE", "US", "")] == [
        "RWA", "KEN", "FRA", "DEU", "USA", "ZZZ",
    ]  # fmt: skip

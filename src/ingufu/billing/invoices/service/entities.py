"""Legal entities: who sells, and for which sites."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypedDict, Unpack

import msgspec

from ingufu.billing.invoices import parties_check
from ingufu.billing.invoices.compose import rounding_of
from ingufu.billing.invoices.parties import (
    DEFAULT_NUMBERS,
    Address,
    Automatic,
    BankAccount,
    LegalEntity,
    TaxRounding,
    Texts,
)
from ingufu.billing.invoices.store import parties as store
from ingufu.core.clock import Clock
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.money import Rounding
from ingufu.infra.storage.database import Database, Work
from ingufu.tariffs.priced import RoundingRule


class EntityFields(TypedDict, total=False):
    """What people enter about a legal entity."""

    name: str
    trading_name: str
    address: Address
    tax_id: str
    tax_id_name: str
    register_number: str
    register_name: str
    email: str
    phone: str
    website: str
    bank: BankAccount
    texts: dict[str, Texts]
    language: str
    time_zone: str
    tax_currency: str
    exchange_rates: dict[str, Decimal]
    rounding: Rounding
    tax_rounding: TaxRounding
    zero_category: str
    untaxed_category: str
    exemption: str
    outside: str
    numbers: dict[str, str]
    automatic: Automatic
    payment_days: int
    retention_years: int
    receipt_limit: Decimal | None
    logo: str | None  # base64; None or empty: none
    is_default: bool
    site_ids: tuple[str, ...]
    fiscal_device_id: str | None


class LegalEntities:
    """Kept by their key, which is part of their documents' numbers and never changes."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def all(self) -> list[LegalEntity]:
        return await store.find_entities(self._database)

    async def get(self, entity_id: str) -> LegalEntity:
        """Raises NotFound."""
        return (await self._load(entity_id))[0]

    async def find_for(self, site_id: str | None, organisation_id: str) -> LegalEntity | None:
        """Return who sells at the site: as the site says, else as its organisation does."""
        found = await store.find_entity_for(self._database, site_id, organisation_id)
        return None if found is None or found.retired_at is not None else found

    async def rounding_for(self, site_id: str | None, organisation_id: str) -> RoundingRule:
        """Return how whoever sells at the site rounds amounts; the usual rule where nobody does."""
        seller = await self.find_for(site_id, organisation_id)
        return RoundingRule() if seller is None else rounding_of(seller)

    async def logo(self, logo_id: str) -> tuple[str, str] | None:
        """Return media type and content (base64) of a logo."""
        return await store.find_logo(self._database, logo_id) if logo_id else None

    async def create(
        self, work: Work, *, organisation_id: str, key: str, **fields: Unpack[EntityFields]
    ) -> LegalEntity:
        """Return the new entity.

        Raises InvalidInput; Conflict at the commit if the key is taken, if a site or the organisation has one already.
        """
        now = self._clock.now()
        given = self._given(work, fields)
        given.setdefault("numbers", DEFAULT_NUMBERS)
        entity = LegalEntity(
            id=self._ids.new(), organisation_id=organisation_id, key=key, created_at=now, updated_at=now, **given
        )
        entity = parties_check.checked_entity(entity)
        store.add_entity(work, entity)
        return entity

    async def update(self, work: Work, entity_id: str, **fields: Unpack[EntityFields]) -> LegalEntity:
        """Return the entity as it is from now on; documents that were issued keep what they say.

        Raises NotFound, InvalidInput; Conflict at the commit.
        """
        before, version = await self._load(entity_id)
        changed = msgspec.structs.replace(before, updated_at=self._clock.now(), **self._given(work, fields))
        entity = parties_check.checked_entity(changed)
        store.change_entity(work, entity, version)
        return entity

    async def retire(self, work: Work, entity_id: str) -> LegalEntity:
        """Have the entity sell no more. Its documents stay. Raises NotFound; Conflict at the commit."""
        before, version = await self._load(entity_id)
        at = before.retired_at or self._clock.now()
        entity = msgspec.structs.replace(before, retired_at=at, is_default=False, site_ids=(), updated_at=at)
        store.change_entity(work, entity, version)
        return entity

    async def _load(self, entity_id: str) -> tuple[LegalEntity, int]:
        found = await store.find_entity(self._database, entity_id)
        if found is None:
            raise NotFound("There is no such legal entity.")
        return found

    def _given(self, work: Work, fields: Mapping[str, Any]) -> dict[str, Any]:
        given = dict(fields)
        if len(given.get("site_ids", ())) != len(set(given.get("site_ids", ()))):
            raise InvalidInput("A site is named twice.", field="site_ids")
        if "logo" in given:
            given["logo"] = _keep_logo(work, given["logo"] or "")
        return given


def _keep_logo(work: Work, content: str) -> str:
    if not content:
        return ""
    media_type, raw = parties_check.read_logo(content)
    logo_id = hashlib.sha256(raw).hexdigest()
    store.add_logo(work, logo_id, media_type, content)
    return logo_id

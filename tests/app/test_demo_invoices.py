"""The demo has a company that sells, with receipts of its last sessions and a customer's invoice for the month."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.invoices.trade import GROSS, record, terms
from ingufu.app.demonstration.invoicing import write_documents
from ingufu.app.parts import services_of
from ingufu.app.settings import Settings
from ingufu.billing.invoices.model import DocumentKind
from ingufu.billing.records import store
from ingufu.views.invoices import DocumentQuery, list_documents


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_demo_has_documents_and_bills_its_past_no_further(database, clock, ids, tmp_path):
    services = services_of(Settings(data=str(tmp_path)), database, clock, ids)
    now = clock.now()
    for number in range(120):
        driver = {"driver_id": "keza", "driver_name": "Keza"} if number % 3 == 0 else {}
        at = now - timedelta(hours=8 * number + 2)
        one = record(f"r{number:03}", terms("RWF", "350", **GROSS), kwh=f"{number % 40 + 1}", started_at=at, **driver)
        async with database.work() as work:
            store.add(work, one, f"s{number}")
    await write_documents(services, "org", now=now)
    rows = (await list_documents(database, DocumentQuery(limit=500), None, now)).items
    kinds = {kind: [row for row in rows if row.kind is kind] for kind in DocumentKind}
    assert len(kinds[DocumentKind.RECEIPT]) >= 15
    [statement] = kinds[DocumentKind.STATEMENT]
    assert (statement.period, statement.customer_name) == ("2026-02", "Kigali Transport Ltd")
    assert statement.payable > Decimal(10_000)
    assert not [row for row in rows if row.problem]
    clock.advance(60)
    assert await services.money.invoicing.sweep() == 0

"""Invoices in the demo: who sells, receipts of the last sessions, and a customer who pays by the month."""

from datetime import datetime, timedelta
from decimal import Decimal

from ingufu.billing.invoices.compose import month_before, month_of
from ingufu.billing.invoices.parties import Address, Automatic, BankAccount, CustomerKind, Texts
from ingufu.core.errors import Conflict
from ingufu.services import Services
from ingufu.views.charge_records import RecordQuery, list_records

RECEIPTS = 30
ON_STATEMENT = 60
ZONE = "Africa/Kigali"
RATES = {  # francs for one of each currency in which the demo's sites sell
    currency: Decimal(rate)
    for currency, rate in {"USD": "1450", "EUR": "1600", "KES": "11.2", "UGX": "0.39", "TZS": "0.55"}.items()
}
KIGALI = Address(street="KN 3 Avenue 12", city="Kigali", country="RW")
LOGO = (
    "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA0MCAyMCI+PHBhdGggZmlsbD0iIzBiNmU0ZiIgZD0i"
    "TTEwIDAgMCAxMmg3bC0yIDggMTAtMTJIOHoiLz48L3N2Zz4="
)


async def write_documents(services: Services, organisation_id: str, *, now: datetime) -> None:
    """Have somebody sell from now on, with documents of the days before."""
    money = services.money
    async with services.database.work() as work:
        seller = await money.entities.create(
            work,
            organisation_id=organisation_id,
            key="KGL",
            name="Ingufu Charging Ltd",
            address=KIGALI,
            tax_id="102345678",
            tax_id_name="TIN",
            phone="+250 788 000 000",
            email="billing@ingufu.example",
            bank=BankAccount(bank="Bank of Kigali", holder="Ingufu Charging Ltd", account="00040-06912345-67"),
            texts={"en": Texts(payment="By transfer or MoMo, naming the number.", foot="Thank you for charging here.")},
            time_zone=ZONE,
            tax_currency="RWF",
            exchange_rates=RATES,
            logo=LOGO,
            is_default=True,
        )
    await money.invoicing.begin(now)
    await _bill_by_the_month(services, organisation_id, seller.id, now)
    recent = await list_records(services.database, RecordQuery(currency="RWF", limit=RECEIPTS), None)
    for row in reversed(recent.items):
        await money.invoicing.bill(await services.charge_records.get(row.id))


async def _bill_by_the_month(services: Services, organisation_id: str, seller_id: str, now: datetime) -> None:
    """Make a customer of a driver who has charged in the month before, and their statement."""
    money, period = services.money, month_before(month_of(now, ZONE))
    started = RecordQuery(currency="RWF", until=now - timedelta(days=now.day), limit=500)
    records = (await list_records(services.database, started, None)).items
    driver = next((row.driver_id for row in records if row.driver_id), None)
    if driver is None:
        return
    name = next(row.driver_name for row in records if row.driver_id == driver)
    async with services.database.work() as work:
        customer = await money.customers.create(
            work,
            organisation_id=organisation_id,
            kind=CustomerKind.BUSINESS,
            name=f"{name or 'Kigali'} Transport Ltd",
            address=Address(street="KK 15 Road 7", city="Kigali", country="RW"),
            tax_id="108765432",
            automatic=Automatic.MONTHLY,
            driver_ids=(driver,),
        )
    for row in [row for row in records if row.driver_id == driver][:ON_STATEMENT]:
        await money.invoicing.bill(await services.charge_records.get(row.id))
    try:
        await money.invoicing.statement(
            legal_entity_id=seller_id, customer_id=customer.id, period=period, currency="RWF", by="demo"
        )
    except Conflict:  # nothing of that month had a price
        return

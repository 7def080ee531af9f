"""Every table of the product in one place: for migrations, and for checks that compare them."""

from sqlalchemy import MetaData

from ingufu.accounts.sign_in import tables as accounts  # beside those of accounts
from ingufu.authorization import tables as authorization
from ingufu.billing.evidence import tables as evidence
from ingufu.billing.fiscal import tables as fiscal
from ingufu.billing.invoices import tables as invoices
from ingufu.billing.records import tables as charge_records
from ingufu.certificates import tables as certificates
from ingufu.charging import tables as charging
from ingufu.charging.control import tables as control
from ingufu.charging.sampling import tables as sampling
from ingufu.configuration import tables as configuration
from ingufu.desk import tables as desk
from ingufu.infra.mail import tables as mail
from ingufu.infra.storage import journal, outbox
from ingufu.ledger import tables as ledger
from ingufu.reports import tables as reports
from ingufu.reservations import tables as reservations
from ingufu.sites import tables as sites
from ingufu.stations import tables as stations
from ingufu.stations.availability import tables as availability
from ingufu.stations.streams import tables as streams
from ingufu.tariffs import tables as tariffs

METADATA: tuple[MetaData, ...] = (
    accounts.metadata,
    sites.metadata,
    ledger.metadata,
    stations.metadata,
    authorization.metadata,
    certificates.metadata,
    reservations.metadata,
    charging.metadata,
    control.metadata,
    sampling.metadata,
    evidence.metadata,
    availability.metadata,
    streams.metadata,
    configuration.metadata,
    charge_records.metadata,
    reports.metadata,
    tariffs.metadata,
    invoices.metadata,
    fiscal.metadata,
    desk.metadata,
    mail.metadata,
    outbox.metadata,
    journal.metadata,
)

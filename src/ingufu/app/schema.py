"""Every table of the product in one place, for migrations and the checks that compare them."""

from sqlalchemy import MetaData

from ingufu.accounts import tables as accounts
from ingufu.authorization import tables as authorization
from ingufu.charging import tables as charging
from ingufu.infra.storage import outbox
from ingufu.sites import tables as sites
from ingufu.stations import tables as stations

METADATA: tuple[MetaData, ...] = (
    accounts.metadata,
    sites.metadata,
    stations.metadata,
    authorization.metadata,
    charging.metadata,
    outbox.metadata,
)

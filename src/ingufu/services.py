"""All services in one frozen record, for the edges. No logic."""

from dataclasses import dataclass

from ingufu.accounts.service import Accounts
from ingufu.accounts.sign_in.service import SignIn
from ingufu.authorization.service import Admitting, Authorization, LocalLists
from ingufu.billing.evidence.service import Evidence
from ingufu.billing.fiscal.wiring import Money
from ingufu.billing.records.service import ChargeRecords
from ingufu.certificates.service import Authorities, Contracts
from ingufu.charging.control.service import Control
from ingufu.charging.sampling.service import Samplings
from ingufu.charging.service import Charging
from ingufu.configuration.service import Configuration
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.desk.service import SavedViews
from ingufu.infra.storage.database import Database
from ingufu.ledger.service import Hosts, Ledger, Reconciliation, Vouchers, Wallets
from ingufu.reports.service import Reports
from ingufu.reservations.service import Reservations
from ingufu.sites.service import Sites
from ingufu.stations.service import Stations
from ingufu.tariffs.service import PriceFeeds, Tariffs


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What an edge may use. Capabilities themselves are given the few collaborators that they name."""

    database: Database
    clock: Clock
    ids: IdMaker
    accounts: Accounts
    sign_in: SignIn
    sites: Sites
    stations: Stations
    authorities: Authorities
    contracts: Contracts
    admitting: Admitting
    authorization: Authorization
    local_lists: LocalLists
    ledger: Ledger
    wallets: Wallets
    vouchers: Vouchers
    hosts: Hosts
    reconciliation: Reconciliation
    reservations: Reservations
    charging: Charging
    evidence: Evidence
    configuration: Configuration
    control: Control
    samplings: Samplings
    price_feeds: PriceFeeds
    tariffs: Tariffs
    charge_records: ChargeRecords
    reports: Reports
    saved_views: SavedViews
    money: Money

"""Of a large network: charge records, what is booked of them, hosts' shares, and receipts."""

# ruff: noqa: S608 - every part of these statements is ours

from collections.abc import Iterator

from bench.copying import WEEK_US, Copier, fresh_id, numbers
from ingufu.ledger.decide import AccountKey, account_id
from ingufu.ledger.model import AccountKind

RECEIPTS_ONE_IN = 20  # sessions
TOP_UPS = 50  # as much as the original paid in: its copies have charged for a year, not for a week


def copy(copier: Copier) -> None:
    """Have a record for each session, its entry in the books, and receipts for some."""
    _copy_records(copier)
    _copy_accounts(copier)
    _copy_entries(copier)
    _copy_shares(copier)
    copier.run(
        "CREATE TEMP TABLE balances AS SELECT id, sum(amount) AS amount FROM (SELECT debit_id AS id, amount FROM "
        "ledger_postings UNION ALL SELECT credit_id, -amount FROM ledger_postings) GROUP BY id"
    )
    copier.run("CREATE UNIQUE INDEX temp.balances_of ON balances (id)")
    copier.run(
        "UPDATE ledger_accounts SET balance = "
        "coalesce((SELECT amount FROM balances b WHERE b.id = ledger_accounts.id), 0)"
    )
    _copy_receipts(copier)


def _copy_records(copier: Copier) -> None:
    joined = "sessions_of c JOIN charge_records o ON o.id = c.record"
    changes = {
        "id": "c.new_record",
        "subject": "c.new",
        "transaction_id": "c.new",
        "site_id": "c.site",
        "station_id": "c.station",
        "driver_id": "c.driver",
        "token_id": "c.token",
        **{name: f"o.{name} + c.shift" for name in ("started_at", "ended_at", "issued_at")},
    }
    is_over = "NOT c.is_open AND NOT c.is_reviewed"
    copier.copy("charge_records", changes, joined=joined, where=is_over, order="c.rowid")
    _sum_records(copier)
    changes = {
        "subject": "c.new",
        "transaction_id": "c.new",
        "station_id": "c.station",
        "state": "CASE WHEN c.is_reviewed THEN 'waiting' ELSE o.state END",
        "record_id": "CASE WHEN NOT c.is_reviewed THEN c.new_record END",
        "updated_at": "o.updated_at + c.shift",
    }
    joined = "sessions_of c JOIN ratings o ON o.subject = c.old"
    copier.copy("ratings", changes, joined=joined, where="NOT c.is_open", order="c.rowid")


def _sum_records(copier: Copier) -> None:
    """Sum the records up by day, as the trigger does that is away meanwhile."""
    copier.run("DELETE FROM charge_record_sums")
    for place in ("'*'", "coalesce(site_id, '')"):
        copier.run(
            f"INSERT INTO charge_record_sums SELECT {place}, strftime('%Y-%m-%d', issued_at / 1000000, 'unixepoch'), "
            "kind, currency, count(*), sum(energy_wh), sum(net), sum(tax), sum(gross) FROM charge_records "
            "GROUP BY 1, 2, 3, 4"
        )


def _copy_accounts(copier: Copier) -> None:
    """Give each copy of a driver the accounts of the original."""
    copier.run("CREATE TEMP TABLE accounts_of (old TEXT, person INTEGER, new TEXT, owner TEXT)")
    found = copier.rows(
        "SELECT a.id, a.organisation_id, a.kind, a.currency, d.copy, d.new FROM ledger_accounts a "
        "JOIN drivers_of d ON d.old = a.owner WHERE d.copy > 0"
    )

    def accounts() -> Iterator[tuple[object, ...]]:
        for old, organisation, kind, currency, person, owner in found:
            key = AccountKey(kind=AccountKind(kind), owner=owner, currency=currency)
            yield old, person, account_id(organisation, key), owner

    copier.add("INSERT INTO accounts_of VALUES (?, ?, ?, ?)", accounts())
    copier.run("CREATE UNIQUE INDEX temp.accounts_of_old ON accounts_of (old, person)")
    joined = "accounts_of c JOIN ledger_accounts o ON o.id = c.old"
    copier.copy("ledger_accounts", {"id": "c.new", "owner": "c.owner", "balance": "0"}, joined=joined)


def _copy_entries(copier: Copier) -> None:
    first = copier.one("SELECT max(number) FROM ledger_entries")
    copier.run(
        "CREATE TEMP TABLE entries_of AS SELECT o.id AS old, "
        f"{fresh_id('o.at + c.shift', 'o.id', 'c.copy')} AS new, c.shift, c.person, "
        "'charge-record:' || c.new_record AS reference FROM sessions_of c "
        "JOIN ledger_entries o ON o.reference = 'charge-record:' || c.record "
        "WHERE NOT c.is_open AND NOT c.is_reviewed ORDER BY c.rowid"
    )
    copier.run(
        f"INSERT INTO entries_of SELECT o.id, {fresh_id(f'o.at - d.copy % 51 * {WEEK_US}', 'o.id', 'd.copy')}, "
        f"-(d.copy % 51) * {WEEK_US}, d.copy, o.reference || '-' || d.copy FROM ledger_entries o "
        "CROSS JOIN (SELECT DISTINCT copy FROM drivers_of WHERE copy > 0) d WHERE o.kind = 'top-up'"
    )
    changes = {
        "id": "c.new",
        "number": f"{first} + c.rowid",
        "reference": "c.reference",
        "provider_reference": "CASE o.provider_reference WHEN '' THEN '' "
        "ELSE o.provider_reference || '-' || c.person END",
        "at": "o.at + c.shift",
        "entered_at": "o.entered_at + c.shift",
    }
    joined = "entries_of c JOIN ledger_entries o ON o.id = c.old"
    copier.copy("ledger_entries", changes, joined=joined, order="c.rowid")
    copier.copy(
        "ledger_postings",
        {
            "entry_id": "c.new",
            "debit_id": "coalesce(d.new, o.debit_id)",
            "credit_id": "coalesce(k.new, o.credit_id)",
            "amount": f"CASE WHEN c.reference LIKE 'top-up%' THEN o.amount * {TOP_UPS} ELSE o.amount END",
        },
        joined="entries_of c JOIN ledger_postings o ON o.entry_id = c.old "
        "LEFT JOIN accounts_of d ON d.old = o.debit_id AND d.person = c.person "
        "LEFT JOIN accounts_of k ON k.old = o.credit_id AND k.person = c.person",
        order="c.rowid",
    )
    copier.run("UPDATE ledger_counters SET last = (SELECT max(number) FROM ledger_entries)")


def _copy_shares(copier: Copier) -> None:
    """Give the copies of a host's site the same agreement, and the host a share of what was charged there."""
    copier.run(
        "CREATE TEMP TABLE agreements_of AS SELECT o.id AS old, s.new AS site, "
        f"{fresh_id('o.created_at', 'o.id', 's.copy')} AS new FROM ledger_agreements o "
        "JOIN sites_of s ON s.old = o.site_id WHERE s.copy > 0"
    )
    joined = "agreements_of c JOIN ledger_agreements o ON o.id = c.old"
    copier.copy("ledger_agreements", {"id": "c.new", "site_id": "c.site"}, joined=joined)


def _copy_receipts(copier: Copier) -> None:
    originals = copier.one("SELECT count(*) FROM documents WHERE kind = 'receipt'")
    last = copier.one("SELECT max(sequence) FROM documents WHERE kind = 'receipt'")
    sessions = copier.one("SELECT count(*) FROM transactions")
    if not originals:
        return
    copies = max(2, sessions // RECEIPTS_ONE_IN // originals)
    earlier = f"n.i * {50 * WEEK_US // copies}"
    copier.run(
        f"CREATE TEMP TABLE receipts_of AS {numbers(copies)} SELECT o.id AS old, n.i AS copy, "
        f"{fresh_id(f'o.created_at - {earlier}', 'o.id', 'n.i')} AS new, {earlier} AS earlier "
        "FROM n CROSS JOIN documents o WHERE o.kind = 'receipt' AND n.i > 0 ORDER BY n.i DESC"
    )
    number = f"o.sequence + c.copy * {last}"
    changes = {
        "id": "c.new",
        "number": f"substr(o.number, 1, length(o.number) - 6) || printf('%06d', {number})",
        "sequence": number,
        "created_at": "o.created_at - c.earlier",
        "issued_at": "o.issued_at - c.earlier",
        "issued_on": "strftime('%Y-%m-%d', (o.issued_at - c.earlier) / 1000000, 'unixepoch')",
        "body": "replace(o.body, o.id, c.new)",
    }
    joined = "receipts_of c JOIN documents o ON o.id = c.old"
    copier.copy("documents", changes, joined=joined, order="c.rowid")
    copier.copy(
        "document_lines",
        {
            "document_id": "c.new",
            "record_id": "NULL",
            "site_id": "(SELECT s.new FROM sites_of s WHERE s.old = o.site_id AND s.copy = c.copy % "
            "(SELECT max(copy) + 1 FROM sites_of))",
        },
        joined="receipts_of c JOIN document_lines o ON o.document_id = c.old",
    )
    copier.run("UPDATE document_numbers SET last = (SELECT max(sequence) FROM documents WHERE kind = 'receipt')")

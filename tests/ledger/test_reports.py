"""Reports of providers are read whatever their columns are called, and hostile ones are refused with the line."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.core.errors import InvalidInput
from ingufu.ledger import reports
from ingufu.ledger.model import MatchState, ReportedKind
from ingufu.ledger.reports import Booking, Columns, Known

AT = datetime(2026, 3, 1, tzinfo=UTC)
PLAIN = Columns()


def test_columns_and_separators_are_those_of_the_provider() -> None:
    data = (
        "\ufeffTransaction ID;Completed;Gross;Charge;Ccy;Type\r\n"
        "MP1;2026-03-01T10:00:00+02:00;1500;15;RWF;collection\r\n"
        "\r\n"
        "MP2;02/03/2026;500;;;refund\r\n"
    ).encode()
    columns = Columns(
        reference="transaction id", date="Completed", amount="Gross", fee="Charge", currency="Ccy", kind="Type"
    )
    first, second = reports.read(data, columns, currency="RWF")
    assert (first.reference, first.amount, first.fee, first.currency) == ("MP1", 1500, 15, "RWF")
    assert first.at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert (second.kind, second.amount, second.line) == (ReportedKind.REFUND, -500, 4)


@pytest.mark.parametrize(
    ("currency", "amount"), [("RWF", "1180"), ("KES", "11.80"), ("EUR", "-0.59"), ("KWD", "1.239")]
)
def test_amounts_are_exact_in_every_currency(currency: str, amount: str) -> None:
    (line,) = reports.read(f"reference,date,amount,currency\nr,2026-03-01,{amount},{currency}\n".encode(), PLAIN)
    assert line.amount == Decimal(amount)
    assert line.kind is (ReportedKind.REFUND if amount.startswith("-") else ReportedKind.PAYMENT)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no column"),
        (b"reference,date\nr,2026-03-01\n", "no column .amount."),
        (b"reference,date,amount\n", "no lines"),
        (b"reference,date,amount\nr,2026-03-01,10\n", "Line 2"),  # no currency
        (b"reference,date,amount,currency\nr,2026-03-01,1.5,RWF\n", "Line 2"),
        (b"reference,date,amount,currency\nr,2026-03-01,1.5,ZZZ\n", "Line 2"),
        (b'reference,date,amount,currency\nr,2026-03-01,"1,234.50",EUR\n', "Line 2: .1,234.50. is no amount"),
        (b"reference,date,amount,currency\nr,2026-03-01,NaN,EUR\n", "is no amount"),
        (b"reference,date,amount,currency\nr,2026-03-01,1e9,EUR\n", "is no amount"),
        (b"reference,date,amount,currency\nr,yesterday,1,EUR\n", "is no date"),
        (b"reference,date,amount,currency\nr,9999-12-31,1,EUR\n", "year 9999"),
        (b"reference,date,amount,currency\nr,0001-01-01T00:00+14:00,1,EUR\n", "year 1"),
        (b"reference,date,amount,currency\n,2026-03-01,1,EUR\n", "no reference"),
        (b"reference,date,amount,currency,kind\nr,2026-03-01,1,EUR,magic\n", "no payment, refund or payout"),
        (b"reference,date,amount,currency\nr,2026-03-01,999999999999999,EUR\n", "too large"),
        (b'reference,date,amount,currency\n"r,2026-03-01,1,EUR\n', "no CSV"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"reference,date,amount\x00", "not text"),
        (b"," * 5000 + b"\n", "100 columns"),
        (b"x" * 1_000_001, "at most 1 MB"),
        (b"reference,date,amount,currency\n" + b"r,2026-03-01,1,EUR\n" * 10_001, "10,000 lines"),
        (b"reference,date,amount,currency\n" + b"r" * 200_000 + b",2026-03-01,1,EUR\n", "no CSV"),
        (b"reference,date,amount,currency\n" + b"r" * 2500 + b",2026-03-01,1,EUR\n", "too long"),
    ],
)
def test_hostile_report_is_refused_with_the_reason(data: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        reports.read(data, PLAIN)


@given(st.binary(max_size=400))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    for given_ in (data, b"reference,date,amount,currency,kind\n" + data):
        try:
            reports.read(given_, PLAIN)
        except InvalidInput:
            continue


def booking(reference: str, amount: int, *, at: datetime = AT) -> Booking:
    return Booking(reference, "RWF", Decimal(amount), at, f"entry-{reference}", at)


def test_each_line_gets_its_state() -> None:
    data = (
        b"reference,date,amount,currency\n"
        b"same,2026-03-01,100,RWF\nunknown,2026-03-01,50,RWF\nless,2026-03-01,70,RWF\n"
        b"same,2026-03-01,100,RWF\nsame,2026-03-02,-100,RWF\nbefore,2026-03-01,5,RWF\n"
    )
    rows = reports.compare(
        "report",
        "momo",
        reports.read(data, PLAIN),
        [
            booking("same", 60), booking("same", 40), booking("less", 80), booking("lost", 30),
            booking("later", 30, at=AT.replace(month=4)), booking("before", 5),
            Booking("in another report", "EUR", Decimal(9), AT, "entry", AT),
        ],
        [Known(("before", "RWF", False), AT, AT, None, None)],
    )  # fmt: skip
    assert [(row.reference, row.state, row.difference) for row in rows] == [
        ("same", MatchState.MATCHED, 0),
        ("unknown", MatchState.MISSING_HERE, 50),
        ("less", MatchState.AMOUNT_DIFFERS, -10),
        ("same", MatchState.DUPLICATE, 0),
        ("same", MatchState.MISSING_HERE, -100),
        ("before", MatchState.DUPLICATE, 0),
        ("lost", MatchState.MISSING_THERE, -30),
    ]
    assert len({row.line for row in rows}) == len(rows)

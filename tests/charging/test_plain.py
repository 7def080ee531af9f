"""The short way of plain samples makes exactly what the long one makes."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ingufu.charging import figures, intake, plain
from ingufu.charging.model import MeterReading

AT = datetime(2026, 3, 1, tzinfo=UTC)
MEASURANDS = (
    None, "Energy.Active.Import.Register", "Power.Active.Import", "Power.Active.Export", "Power.Offered", "Voltage",
    "Current.Import", "Current.Export", "SoC", "Temperature", "Frequency", "Energy.Active.Import.Interval", "Odd.Vendor",
)  # fmt: skip
SAID = st.tuples(
    st.sampled_from(MEASURANDS),
    st.sampled_from((None, "Wh", "kWh", "W", "kW", "A", "V", "Percent", "Celsius", "K", "Fahrenheit", "Hz", "")),
    st.sampled_from((0, 0, 0, 3, -1)),
    st.sampled_from((None, "Sample.Periodic", "Sample.Clock", "Trigger", "Transaction.Begin", "Transaction.End")),
    st.sampled_from((None, "Outlet", "Inlet", "EV", "Body")),
    st.sampled_from((None, None, None, "L1", "L2", "N", "L1-N")),
)
NUMBERS = st.one_of(
    st.integers(0, 10**9).map(str),
    st.decimals(0, 10**7, places=3).map(str),
    st.sampled_from(
        ("0", "00", "007", "1.", ".5", "-5", "-0", "1e3", "1E-7", "0.000001", "0.00001", "9" * 13, "NaN", "")
    ),
)


def at_length(samples: list[tuple[str, plain.Said]]) -> plain.Plain | None:
    """Return what the long way makes of samples, None if that is more than one reading."""
    taken = tuple(
        figures.sample_from_number(
            Decimal(text),
            measurand=measurand,
            unit=unit,
            multiplier=multiplier,
            context=context,
            location=location,
            phase=phase,
        )
        for text, (measurand, unit, multiplier, context, location, phase) in samples
    )
    kept = intake.merge((MeterReading(at=AT, samples=taken),))
    return plain.Plain(kept[0].figures, intake.written(kept[0].samples)) if len(kept) == 1 else None


@given(st.lists(st.tuples(NUMBERS, SAID), min_size=1, max_size=6))
def test_plain_samples_are_what_the_long_way_makes_of_them(samples):
    short = plain.read(samples)
    if short is not None:
        assert short == at_length(samples)


@given(st.lists(st.tuples(st.integers(0, 10**9).map(str), SAID), min_size=1, max_size=4))
def test_text_and_number_mean_the_same(samples):
    taken = tuple(
        figures.sample_from_text(
            text, measurand=said[0], unit=said[1], context=said[3], location=said[4], phase=said[5]
        )
        for text, said in samples
    )
    short = plain.read([(text, (said[0], said[1], 0, *said[3:])) for text, said in samples])
    if short is not None:
        assert short.samples == intake.written(taken)


def test_common_reading_is_plain():
    read = plain.read(
        [
            ("1234567", ("Energy.Active.Import.Register", "Wh", 0, None, None, None)),
            ("7200.5", ("Power.Active.Import", "W", 0, None, "Outlet", None)),
            ("81", ("SoC", "Percent", 0, "Sample.Periodic", None, None)),
        ]
    )
    assert read is not None
    assert (read.figures.energy_wh, read.figures.power_w, read.figures.soc_percent) == (1234567, 7200.5, 81)


def test_what_says_where_it_belongs_goes_the_long_way():
    assert plain.read([("5", ("Energy.Active.Import.Register", "Wh", 0, "Transaction.End", None, None))]) is None


def test_phases_kilowatts_and_two_of_a_kind_go_the_long_way():
    said = ("Power.Active.Import", "W", 0, None, None, None)
    assert plain.read([("5", (*said[:5], "L1"))]) is None
    assert plain.read([("5", ("Power.Active.Import", "kW", 0, None, None, None))]) is None
    assert plain.read([("5", said), ("6", said)]) is None

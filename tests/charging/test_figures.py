"""Samples as stations write them: brought to one unit without loss, and summarised for people."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.charging.figures import is_unreadable, sample_from_number, sample_from_text, summarise
from ingufu.charging.model import SignedValue


def text(value, measurand=None, unit=None, **more):
    return sample_from_text(value, measurand=measurand, unit=unit, **more)


def test_absent_words_are_the_defaults_of_the_standard():
    sample = text("1200")
    assert (sample.measurand, sample.unit, sample.context, sample.location, sample.phase) == (
        "Energy.Active.Import.Register",
        "Wh",
        "Sample.Periodic",
        "Outlet",
        None,
    )
    assert sample.value == 1200


@pytest.mark.parametrize(
    ("value", "measurand", "unit", "expected", "kept_unit"),
    [
        ("1.234567", None, "kWh", "1234.567", "Wh"),
        ("7.4", "Power.Active.Import", "kW", "7400", "W"),
        ("7.4", "Power.Active.Import", "kWh", "7400", "W"),
        ("7", None, "kW", "7000", "Wh"),
        ("16000", "Current.Import", "mA", "16", "A"),
        ("230.1", "Voltage", None, "230.1", "V"),
        ("42", "SoC", "V", "42", "Percent"),
        ("42", "SoC", "%", "42", "Percent"),
        ("300", "Temperature", "K", "26.85", "Celsius"),
        ("20", "Temperature", "Celcius", "20", "Celsius"),
        ("50", "Frequency", "Hz", "50", "Hertz"),
        ("0.98", "Power.Factor", None, "0.98", ""),
        ("12", "Energy.Reactive.Import.Register", "kvarh", "12000", "varh"),
        ("3", "vendor.switch.phases", "vendorUnit", "3", "vendorUnit"),
        ("3", "vendor.switch.phases", None, "3", ""),
        ("7", "Power.Active.Import", "horses", "7", "horses"),
        (" +12.50 ", None, "Wh", "12.5", "Wh"),
        ("1.5E+3", None, "Wh", "1500", "Wh"),
    ],
)
def test_value_is_kept_in_the_unit_of_its_measurand(value, measurand, unit, expected, kept_unit):
    sample = text(value, measurand, unit)
    assert (sample.value, sample.unit) == (Decimal(expected), kept_unit)
    assert (sample.raw_value, sample.raw_unit) == (value, unit)


def test_multiplier_is_a_power_of_ten():
    sample = sample_from_number(Decimal("1.5"), unit="Wh", multiplier=3)
    assert (sample.value, sample.multiplier, sample.raw_value) == (1500, 3, "1.5")
    assert sample_from_number(Decimal("0.01"), unit="kWh", multiplier=-1).value == 1


def test_place_and_phase_in_the_measurand_are_taken_out_of_it():
    sample = text("6", "Current.Import.Inlet.L1")
    assert (sample.measurand, sample.location, sample.phase) == ("Current.Import", "Inlet", "L1")


@pytest.mark.parametrize("value", ["1e9999", "NaN", "-Infinity", "9" * 10_000, "", " ", "0x1F", "1,5", "None", "\x00"])
def test_what_is_no_measurement_has_no_value_and_is_kept(value):
    sample = text(value)
    assert (sample.value, sample.raw_value) == (None, value)
    assert is_unreadable(sample)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e400")])
def test_number_that_is_no_measurement_has_no_value(value):
    assert sample_from_number(value).value is None


@given(st.decimals(allow_nan=True, allow_infinity=True), st.integers(-(10**9), 10**9), st.text(max_size=9))
def test_no_number_breaks_anything(value, multiplier, unit):
    sample = sample_from_number(value, multiplier=multiplier, unit=unit)
    summarise([sample])
    assert sample.raw_value == str(value)


@given(
    st.text(), st.none() | st.text(max_size=30), st.none() | st.text(max_size=9), st.sampled_from([None, "SignedData"])
)
def test_no_text_breaks_anything(value, measurand, unit, format_):
    sample = sample_from_text(value, measurand=measurand, unit=unit, format=format_)
    summarise([sample])
    assert sample.raw_value == value


@given(st.decimals(-(10**9), 10**9, places=6))
def test_number_survives_exactly(value):
    assert sample_from_text(str(value)).value == value == sample_from_number(value).value


def container(**changes):
    return {
        "signedMeterData": "T0NNRnw=",
        "signingMethod": "",
        "encodingMethod": "OCMF",
        "publicKey": "b2NhOmJhc2U2NA==",
    } | changes


def test_signed_data_of_1_6_are_kept_byte_for_byte():
    sample = text(json.dumps(container()), format="SignedData", context="Transaction.End")
    assert sample.signed == SignedValue(data="T0NNRnw=", encoding="OCMF", public_key="b2NhOmJhc2U2NA==")
    assert sample.value is None
    assert not is_unreadable(sample)


@pytest.mark.parametrize("format_", [None, "Raw", "SignedData"])
def test_signed_data_are_recognised_however_they_are_labelled(format_):
    ocmf = 'OCMF|{"FV":"1.0"}|{"SD":"3046"}'
    assert text(ocmf, format=format_).signed == SignedValue(data=ocmf, encoding="OCMF")
    assert text(json.dumps(container()), format=format_).signed.encoding == "OCMF"
    twice = json.dumps(json.dumps(container()))
    assert text(twice, format=format_).signed.data == "T0NNRnw="


@pytest.mark.parametrize("value", ["<edl/>", "{broken", "[" * 5000, "{}", '{"signedMeterData": 5}', "[1]"])
def test_signed_data_in_no_known_form_are_kept_whole(value):
    assert text(value, format="SignedData").signed == SignedValue(data=value)


def test_signed_data_have_no_greatest_length():
    data = "A" * 1_000_000
    assert text(json.dumps(container(signedMeterData=data)), format="SignedData").signed.data == data


def test_value_and_signature_go_together_in_2_x():
    signed = SignedValue(data="x", method="ECDSA", encoding="OCMF", public_key="k")
    sample = sample_from_number(Decimal(5), signed=signed)
    assert (sample.value, sample.signed) == (5, signed)


POWER, CURRENT, VOLTAGE = "Power.Active.Import", "Current.Import", "Voltage"


def figures(*samples):
    return summarise(samples)


def test_total_goes_before_phases():
    seen = figures(text("9", phase="L1"), text("20"), text("9", POWER, phase="L2"), text("30", POWER))
    assert (seen.energy_wh, seen.power_w) == (20, 30)


def test_phases_are_summed_where_there_is_no_total():
    seen = figures(
        *(text(v, POWER, phase=p) for v, p in (("1000", "L1"), ("2000", "L2-N"), ("3000", "L3"), ("9", "N")))
    )
    assert seen.power_w == 6000
    assert figures(text("5", phase="L1"), text("6", phase="L2")).energy_wh == 11


def test_outlet_goes_before_other_places():
    seen = figures(text("900", location="Inlet"), text("5"), text("77", location="Body"))
    assert seen.energy_wh == 5
    assert figures(text("900", location="Inlet"), text("77", location="Body")).energy_wh == 77


def test_current_is_that_of_the_busiest_phase():
    seen = figures(text("6", CURRENT, phase="L1"), text("16", CURRENT, phase="L2-N"), text("1", CURRENT, phase="N"))
    assert seen.current_a == 16
    assert figures(text("1", CURRENT, phase="N")).current_a == 1
    assert figures(text("6", CURRENT, phase="L1"), text("18", CURRENT)).current_a == 18


def test_export_is_negative():
    assert figures(text("5000", "Power.Active.Export")).power_w == -5000
    assert figures(text("0", POWER), text("5", "Power.Active.Export", "kW")).power_w == -5000
    assert figures(text("8", "Current.Export")).current_a == -8


def test_voltage_is_the_mean_against_neutral():
    seen = figures(*(text(v, VOLTAGE, phase=p) for v, p in (("228", "L1-N"), ("232", "L2-N"), ("400", "L1-L2"))))
    assert seen.voltage_v == 230


def test_state_of_charge_is_taken_whatever_its_unit_if_it_can_be():
    assert figures(text("55", "SoC", "V")).soc_percent == 55
    assert figures(text("255", "SoC")).soc_percent is None


def test_intervals_and_other_registers_are_no_import_register():
    seen = figures(text("5", "Energy.Active.Import.Interval"), text("6", "Energy.Active.Export.Register"))
    assert seen.energy_wh is None


def test_register_beyond_what_can_be_kept_is_not_taken():
    assert figures(text("9.1", unit="MWh"), text("999999999999999")).energy_wh is None
    assert figures(text("4294967296123")).energy_wh == 4294967296123


def test_first_sample_names_the_context():
    assert figures(text("1", context="Transaction.Begin")).context == "Transaction.Begin"
    assert figures().context == "Sample.Periodic"

"""The rules of values: what fits, what is dangerous, what is the same, what travels together."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.configuration import decide, standard
from ingufu.configuration.decide import Surroundings
from ingufu.configuration.model import DataType, Limits, Mutability, Variable
from ingufu.core.errors import InvalidInput
from ingufu.core.variables import KEY_COMPONENT, VariableName, parse

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def known(name: str, **fields: Any) -> Variable:
    it = parse(name)
    plain: dict[str, Any] = {"station_id": "s", "key": it.key, "name": it, "told_at": NOW, "changed_at": NOW}
    return Variable(**plain | fields)


@pytest.mark.parametrize(
    ("value", "fields", "is_right"),
    [
        ("30", {"data_type": "integer"}, True),
        ("30.0", {"data_type": "integer"}, True),
        ("30.5", {"data_type": "integer"}, False),
        ("30.5", {"data_type": "decimal"}, True),
        ("NaN", {"data_type": "decimal"}, False),
        ("1e999", {"data_type": "decimal"}, False),
        ("9", {"data_type": "integer", "min_limit": 10.0}, False),
        ("11", {"data_type": "integer", "max_limit": 10.0}, False),
        ("TRUE", {"data_type": "boolean"}, True),
        ("yes", {"data_type": "boolean"}, False),
        ("A", {"data_type": "OptionList", "values_list": "A, B"}, True),
        ("C", {"data_type": "OptionList", "values_list": "A,B"}, False),
        ("B,A", {"data_type": "MemberList", "values_list": "A,B"}, True),
        ("A,C", {"data_type": "SequenceList", "values_list": "A,B"}, False),
        ("", {"data_type": "MemberList", "values_list": "A,B"}, True),
        ("abc", {"data_type": "string", "max_limit": 2.0}, False),
        ("abc", {"data_type": "string", "mutability": "ReadOnly"}, False),
        ("x" * 2501, {"data_type": "string"}, False),
    ],
)
def test_a_value_fits_what_the_station_told(value: str, fields: dict[str, Any], is_right: bool):
    variable = known("Custom.Thing", **{name: _enum(name, one) for name, one in fields.items()})
    assert (decide.flaw(variable.name, value, variable) is None) is is_right


def _enum(name: str, value: Any) -> Any:
    return {"data_type": DataType, "mutability": Mutability}.get(name, lambda one: one)(value)


def test_the_standard_stands_in_for_what_the_station_did_not_tell():
    interval = parse("SampledDataCtrlr.TxUpdatedInterval")
    assert decide.flaw(interval, "-1", None)
    assert decide.flaw(interval, "soon", known("SampledDataCtrlr.TxUpdatedInterval"))
    assert decide.flaw(interval, "60", None) is None
    assert decide.flaw(decide.PASSWORD, "short", None)
    assert decide.flaw(decide.PASSWORD, "long-enough-password", None) is None


@pytest.mark.parametrize(
    ("start", "stop", "is_dangerous"),
    [
        ("Authorized", "Authorized", False),
        ("EVConnected,Authorized", "EVConnected", False),
        ("Authorized", "EVConnected", False),
        ("PowerPathClosed", "Authorized", False),
        ("EnergyTransfer", "EnergyTransfer", False),
        ("ParkingBayOccupancy", "ParkingBayOccupancy,EnergyTransfer", False),
        ("DataSigned", "EVConnected", False),
        ("EVConnected", "EnergyTransfer", True),
        ("ParkingBayOccupancy", "EVConnected", True),
        ("Authorized,PowerPathClosed", "PowerPathClosed", True),
        ("", "Authorized", True),
        ("Authorized", "", True),
        ("Authorized", "DataSigned", True),
        ("Sometimes", "Authorized", True),
    ],
)
def test_a_transaction_that_could_not_end_is_dangerous(start: str, stop: str, is_dangerous: bool):
    both = Surroundings(values={decide.START_POINT.key: start, decide.STOP_POINT.key: stop})
    assert (decide.danger(decide.STOP_POINT, stop, both) is not None) is is_dangerous
    assert (decide.danger(decide.START_POINT, start, both) is not None) is is_dangerous


@pytest.mark.parametrize(
    ("value", "is_dangerous"),
    [("1", False), ("2,1", False), ("", True), ("x", True), ("1,1", True), ("3", True), ("4,1", True), ("-1", True)],
)
def test_an_order_of_network_profiles_names_slots_that_are_safe(value: str, is_dangerous: bool):
    around = Surroundings(
        values={f"present:{decide.PRIORITY.key}": "1"},
        slots=frozenset({2, 4}),
        slot_profiles={2: 2, 4: 1},
        used_profile=2,
    )
    assert (decide.danger(decide.PRIORITY, value, around) is not None) is is_dangerous


def test_a_security_profile_is_never_lowered():
    around = Surroundings(values={f"present:{decide.SECURITY_PROFILE.key}": "2"}, used_profile=1)
    assert decide.danger(decide.SECURITY_PROFILE, "1", around)
    assert decide.danger(decide.SECURITY_PROFILE, "3", around) is None


@pytest.mark.parametrize(
    ("wanted", "reported", "kind", "is_same"),
    [
        ("true", "True", DataType.BOOLEAN, True),
        ("60", "60.0", DataType.INTEGER, True),
        ("060", "60", DataType.DECIMAL, True),
        ("A,B", "B, A", DataType.MEMBER_LIST, True),
        ("A,B", "B,A", DataType.SEQUENCE_LIST, False),
        ("A, B", "A,B", DataType.SEQUENCE_LIST, True),
        ("a", "A", DataType.STRING, False),
        ("a ", "a", None, True),
        ("x", "60", DataType.INTEGER, False),
    ],
)
def test_two_ways_of_writing_may_mean_the_same(wanted: str, reported: str, kind: DataType | None, is_same: bool):
    assert decide.is_same(wanted, reported, kind) is is_same


@given(st.lists(st.integers(1, 400), max_size=60), st.none() | st.integers(1, 9), st.none() | st.integers(1, 1000))
def test_batches_keep_order_and_take_no_more_than_the_station_does(
    sizes: list[int], items: int | None, most: int | None
):
    batches = decide.batches(sizes, Limits(items=items, bytes=most), lambda size: size)
    assert [size for batch in batches for size in batch] == sizes
    for batch in batches:
        assert 0 < len(batch) <= (items or decide.ITEMS_WITHOUT_A_WORD)
        assert most is None or len(batch) == 1 or sum(batch) + decide.BYTES_OF_FRAME <= most


def test_limits_are_those_of_the_action_or_of_all():
    def limit(name: str, value: str) -> tuple[str, Variable]:
        one = known(name, value=value)
        return one.key, one

    variables = dict(
        [
            limit("DeviceDataCtrlr.ItemsPerMessage[SetVariables]", "4"),
            limit("DeviceDataCtrlr.ItemsPerMessage", "7"),
            limit("DeviceDataCtrlr.BytesPerMessage[GetVariables]", "rubbish"),
        ]
    )
    assert decide.limits(variables, "SetVariables") == Limits(items=4)
    assert decide.limits(variables, "GetVariables") == Limits(items=7)
    assert decide.limits({}, "GetVariables") == Limits()


def test_keys_of_16_and_variables_of_2x_are_one_thing():
    interval = standard.of_native_key("METERVALUESAMPLEINTERVAL")
    assert interval == parse("SampledDataCtrlr.TxUpdatedInterval")
    assert standard.native_key(interval) == "MeterValueSampleInterval"
    vendor = standard.of_native_key("evb_SupportedMeasurands")
    assert vendor == VariableName(component=KEY_COMPONENT, variable="evb_SupportedMeasurands")
    assert standard.native_key(vendor) == "evb_SupportedMeasurands"
    assert standard.native_key(parse("OCPPCommCtrlr.OfflineThreshold")) is None
    assert len(standard.native_keys()) == len({key.casefold() for key in standard.native_keys()})


def test_each_version_says_what_it_has_words_for():
    assert decide.can_say("1.6", parse("SampledDataCtrlr.TxUpdatedInterval"))
    assert not decide.can_say("1.6", parse("SampledDataCtrlr.TxUpdatedInterval"), "Target")
    assert not decide.can_say("1.6", parse("TxCtrlr.TxStartPoint"))
    assert decide.can_say("2.1", parse("TxCtrlr.TxStartPoint"), "Target")
    assert not decide.can_say("2.0.1", parse("ConfigurationKey.LightIntensity"))


@pytest.mark.parametrize(
    "name",
    [
        "SecurityCtrlr.BasicAuthPassword",
        "NetworkConfiguration[1].VpnPassword",
        "ConfigurationKey.Shared_Key",
        "X.ApiKey",
    ],
)
def test_secrets_are_known_by_their_names(name: str):
    assert standard.is_secret(parse(name))
    assert decide.shown(parse(name), "hunter2") == "***"


PART = st.text(min_size=1, max_size=50).filter(lambda text: text == text.strip() and text.isprintable())


@given(
    PART, st.none() | PART, st.none() | st.integers(0, 2**31 - 1), st.none() | st.integers(0, 9), PART, st.none() | PART
)
def test_every_name_can_be_written_and_read_again(
    component: str, instance: str | None, evse: int | None, connector: int | None, name: str, inner: str | None
):
    whole = VariableName(
        component=component,
        instance=instance,
        evse=evse,
        connector=None if evse is None else connector,
        variable=name,
        variable_instance=inner,
    )
    if len(whole.text) <= 700:
        assert parse(whole.text) == whole
    assert whole.key == whole.key.casefold()


@pytest.mark.parametrize(
    "text", ["", "A", ".B", "A.", "A.B.C", "A[.B", "A@x.B", "A:1.B", "A@1:.B", "A" * 51 + ".B", "A@9999999999.B"]
)
def test_what_is_no_name_is_refused(text: str):
    with pytest.raises(InvalidInput):
        parse(text)


def test_a_slot_in_use_is_not_rewritten_by_its_variables():
    around = Surroundings(values={f"present:{decide.PRIORITY.key}": "1,2"})
    assert decide.danger(parse("NetworkConfiguration[2].OcppCsmsUrl"), "wss://x", around)
    assert decide.danger(parse("NetworkConfiguration[3].OcppCsmsUrl"), "wss://x", around) is None

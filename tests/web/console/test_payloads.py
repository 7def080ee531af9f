"""A command's payload has what was filled in, digit by digit, and nothing else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from ingufu.core.commands import ActionForm, FieldForm
from ingufu.core.errors import InvalidInput
from ingufu.ocpp.catalogue import Catalogue
from ingufu.web.console import payloads

LIMIT = FieldForm(name="limit", kind="number", is_required=True)
PERIOD = FieldForm(
    name="",
    kind="object",
    is_required=True,
    fields=(FieldForm(name="startPeriod", kind="integer", is_required=True), LIMIT),
)
FIELDS = (
    FieldForm(name="evseId", kind="integer", is_required=True, minimum=0),
    FieldForm(name="note", kind="text", max_length=20),
    FieldForm(name="now", kind="boolean"),
    FieldForm(name="unit", kind="choice", choices=("W", "A")),
    FieldForm(name="schedule", kind="object", fields=(FieldForm(name="periods", kind="list", item=PERIOD), FieldForm(name="any", kind="any"))),
    FieldForm(name="keys", kind="list", item=FieldForm(name="", kind="text", is_required=True)),
)  # fmt: skip


def build(*pairs: tuple[str, str]) -> str:
    return payloads.build(FIELDS, pairs).decode()


def form_of(version: str, action: str) -> ActionForm:
    return next(form for form in Catalogue().actions(version) if form.action == action)


def test_empty_fields_are_left_out() -> None:
    assert (
        build(("p:evseId", "1"), ("p:note", ""), ("p:now", ""), ("p:unit", ""), ("csrf_token", "x")) == '{"evseId":1}'
    )


def test_numbers_are_sent_as_they_were_typed() -> None:
    sent = build(
        ("p:evseId", "12345678901234567890"), ("p:schedule.{}", "1"),
        ("p:schedule.periods.a.startPeriod", "0"), ("p:schedule.periods.a.limit", "16.10"),
    )  # fmt: skip
    assert sent == '{"evseId":12345678901234567890,"schedule":{"periods":[{"startPeriod":0,"limit":16.10}]}}'


def test_items_of_a_list_keep_the_order_in_which_they_stand_on_the_page() -> None:
    assert (
        build(("p:evseId", "1"), ("p:keys.z", "first"), ("p:keys.a", "second"))
        == '{"evseId":1,"keys":["first","second"]}'
    )


def test_optional_object_that_was_opened_is_sent_though_it_is_empty() -> None:
    assert build(("p:evseId", "1"), ("p:schedule.{}", "1")) == '{"evseId":1,"schedule":{}}'


def test_truth_and_json_of_any_kind_are_sent() -> None:
    sent = build(
        ("p:evseId", "1"), ("p:now", "false"), ("p:schedule.{}", "1"), ("p:schedule.any", ' {"x": [1.50, null]} ')
    )
    assert json.decode(sent.encode()) == {"evseId": 1, "now": False, "schedule": {"any": {"x": [1.5, None]}}}
    assert "[1.50, null]" in sent


@pytest.mark.parametrize(
    ("name", "value"), [("p:evseId", "one"), ("p:evseId", "1.5"), ("p:evseId", "01"), ("p:schedule.any", "{x")]
)
def test_what_is_no_number_or_no_json_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        build(("p:evseId", "1"), (name, value)) if name != "p:evseId" else build((name, value))
    assert caught.value.field == name


def test_text_is_sent_as_typed_and_cannot_break_out() -> None:
    sent = build(("p:evseId", "1"), ("p:note", '"}],"x":1 '))
    assert json.decode(sent.encode()) == {"evseId": 1, "note": '"}],"x":1 '}


@given(st.lists(st.tuples(st.text(max_size=30).map(lambda text: "p:" + text), st.text(max_size=10)), max_size=8))
def test_whatever_is_sent_as_a_form_is_json_or_an_error(pairs: list[tuple[str, str]]) -> None:
    with suppress(InvalidInput):
        assert isinstance(json.decode(payloads.build(FIELDS, pairs)), dict)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_every_request_of_every_version_has_a_form_whose_fields_can_be_found(version: str) -> None:
    forms = Catalogue().actions(version)
    assert len(forms) > 20
    for form in forms:
        for field in form.fields:
            assert payloads.find(form.fields, f"p:{field.name}") == field
            if field.kind == "list":
                assert payloads.find(form.fields, f"p:{field.name}.k1") == field.item
        assert set(payloads.skeleton(form.fields)) == {field.name for field in form.fields if field.is_required}
    assert payloads.find(forms[0].fields, "p:nothing.of.the.kind") is None


def test_form_of_a_charging_profile_makes_the_payload_of_the_standard() -> None:
    base = "p:csChargingProfiles"
    sent = payloads.build(
        form_of("1.6", "SetChargingProfile").fields,
        [
            ("p:connectorId", "1"), (f"{base}.{{}}", "1"), (f"{base}.chargingProfileId", "7"), (f"{base}.stackLevel", "0"),
            (f"{base}.chargingProfilePurpose", "TxDefaultProfile"), (f"{base}.chargingProfileKind", "Absolute"),
            (f"{base}.recurrencyKind", ""), (f"{base}.chargingSchedule.{{}}", "1"), (f"{base}.chargingSchedule.chargingRateUnit", "A"),
            (f"{base}.chargingSchedule.chargingSchedulePeriod.k1.{{}}", "1"),
            (f"{base}.chargingSchedule.chargingSchedulePeriod.k1.startPeriod", "0"),
            (f"{base}.chargingSchedule.chargingSchedulePeriod.k1.limit", "16.0"),
        ],
    )  # fmt: skip
    assert sent.decode() == (
        '{"connectorId":1,"csChargingProfiles":{"chargingProfileId":7,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile",'
        '"chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16.0}]}}}'
    )

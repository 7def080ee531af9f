"""The catalogue of commands: every request of every version, described as its schema has it."""

from typing import Any

import pytest

from ingufu.core.commands import FieldForm
from ingufu.ocpp.catalogue import Catalogue
from ingufu.ocpp.versions import VERSIONS
from ocpp_schemas import message

KINDS = {"string": {"text", "choice", "instant"}, "integer": {"integer"}, "number": {"number"}, "boolean": {"boolean"}}
CASES = [(version, form) for version in VERSIONS for form in Catalogue().actions(version)]


def test_unknown_version_has_no_actions() -> None:
    assert Catalogue().actions("0.9") == Catalogue().actions("") == ()


@pytest.mark.parametrize("version", list(VERSIONS))
def test_every_request_that_may_be_asked_of_a_station_is_there(version: str) -> None:
    actions = [form.action for form in Catalogue().actions(version)]
    assert actions == sorted(set(actions))
    assert tuple(actions) == VERSIONS[version].requests


@pytest.mark.parametrize(("version", "form"), CASES, ids=[f"{version}-{form.action}" for version, form in CASES])
def test_form_says_what_the_schema_says(version: str, form: Any) -> None:
    compare(form.fields, message(version, form.action).schema, message(version, form.action).schema)


def compare(fields: tuple[FieldForm, ...], schema: dict[str, Any], root: dict[str, Any]) -> None:
    properties = schema.get("properties", {})
    assert {field.name for field in fields} == set(properties)
    assert {field.name for field in fields if field.is_required} == set(schema.get("required", ()))
    for field in fields:
        compare_one(field, properties[field.name], root)


def compare_one(field: FieldForm, schema: dict[str, Any], root: dict[str, Any]) -> None:
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    kind = schema.get("type")
    if field.kind == "any":
        assert kind in {None, "object"}
    elif kind == "object":
        assert field.kind == "object"
        compare(field.fields, schema, root)
    elif kind == "array":
        assert field.kind == "list"
        assert field.item is not None
        assert (field.min_length or 0, field.max_length) == (schema.get("minItems", 0), schema.get("maxItems"))
        compare_one(field.item, schema["items"], root)
    else:
        assert field.kind in KINDS[kind]
        assert set(field.choices) == set(schema.get("enum", ()))
        if field.kind == "text":
            assert field.max_length == schema.get("maxLength")
        assert (field.kind == "instant") == (schema.get("format") == "date-time")

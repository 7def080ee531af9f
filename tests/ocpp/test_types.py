"""The generated types give the verdict of a JSON-schema validator on the official schemas, and lose nothing."""

import json
import time
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import ocpp_schemas
from ingufu.ocpp import messages, wire
from ingufu.ocpp.payload import Payload
from ingufu.ocpp.shapes import is_instant

# Payloads per schema: every third valid, the others mutated.
SHARES = {"1.6": 300, "2.0.1": 240, "2.1": 240}
ENCODER = msgspec.json.Encoder(decimal_format="number")
SCHEMAS = {"1.6": 78, "2.0.1": 128, "2.1": 181}


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values mean the same: numbers exactly, times to the millisecond."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return one == other or (is_instant(one) and _milliseconds(one) == _milliseconds(other))
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    return type(one) is not str and type(other) is not str and one == other


def _milliseconds(text: str) -> str:
    # msgspec rounds the seventh digit where the standard library cuts it; both keep the millisecond here.
    return datetime.fromisoformat(text.upper()).astimezone(UTC).isoformat(timespec="milliseconds")


def decode(payload_type: type[Payload], raw: bytes) -> tuple[Payload | None, wire.WireError | None]:
    try:
        return wire.decode(payload_type, raw), None
    except wire.WireError as error:
        return None, error


def judge(version: str, each: ocpp_schemas.Message, payload: Any) -> str | None:
    """Compare all verdicts on one payload, and its way through the types; the keyword that it breaks, if any."""
    raw = ENCODER.encode(payload)
    fault = ocpp_schemas.oracle(each, payload)
    found = messages.check(version, each.action, each.direction, raw)
    about = f"{version} {each.action} {each.direction} {raw!r}\nschema: {fault and fault.message}\nours: {found}"
    assert (fault is None) == (found is None), about
    payload_type = messages.payload_type(version, each.action, each.direction)
    of_family = wire.check(payload_type, raw)
    assert fault is not None or of_family is None, about
    decoded, refused = decode(payload_type, raw)
    if decoded is None:
        assert of_family is not None, f"{about}\ndecode: {refused}"
        assert (refused.kind, refused.path) == (of_family.kind, of_family.path)
        return fault and fault.validator
    assert of_family is None, about
    again = json.loads(wire.encode(decoded), parse_float=Decimal)
    assert same(payload, again), f"{about}\nagain: {again}"
    return fault and fault.validator


@pytest.mark.parametrize("version", SHARES)
def test_verdicts_agree_with_the_schemas_and_payloads_survive(version, capsys):
    share, verdicts = SHARES[version], Counter()
    began = time.perf_counter()
    for each in ocpp_schemas.messages(version):
        maker = ocpp_schemas.Maker(each.schema, f"{version} {each.action} {each.direction}")
        for number in range(share):
            payload = maker.mutated() if number % 3 else maker.valid()
            broken = judge(version, each, payload)
            assert broken is None or number % 3, "what the maker calls valid must be"
            verdicts[broken] += 1
    seconds = time.perf_counter() - began
    compared = verdicts.total()
    with capsys.disabled():
        print(f"\nOCPP {version}: {compared} of {compared} verdicts agree ({verdicts[None]} valid), {seconds:.1f} s")  # noqa: T201 - asked for
    assert compared == share * SCHEMAS[version]
    assert compared * 0.3 < verdicts[None] < compared * 0.8, "both kinds must be there in number"
    assert verdicts.keys() == {None, *keywords(version)}, "every constraint of the schemas must be broken by some"


def keywords(version: str) -> set[str]:
    """The constraints that the schemas of a version use."""
    texts = "".join(json.dumps(each.schema, default=str) for each in ocpp_schemas.messages(version))
    judging = ("type", "enum", "required", "additionalProperties", "format", "maxLength", "minimum", "maximum")
    return {word for word in (*judging, "minItems", "maxItems", "multipleOf", "pattern") if f'"{word}": ' in texts}


def test_at_least_thirty_thousand_payloads_are_compared():
    assert {version: len(ocpp_schemas.messages(version)) for version in SCHEMAS} == SCHEMAS
    assert sum(SHARES[version] * SCHEMAS[version] for version in SCHEMAS) >= 30_000

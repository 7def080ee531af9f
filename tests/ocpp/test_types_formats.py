"""Our patterns for times and URIs against the ones that the JSON-schema validator uses."""

import random
import re

import pytest
from jsonschema import Draft6Validator

from ingufu.ocpp.shapes import is_instant
from ingufu.ocpp.uri import URI_PATTERN

FORMATS = Draft6Validator.FORMAT_CHECKER


def disturbed(chance: random.Random, text: str, alphabet: str) -> str:
    """`text` with up to three characters changed, left out or added."""
    letters = list(text)
    for _ in range(chance.randrange(4)):
        place = chance.randrange(len(letters) + 1)
        letters[place : place + chance.randrange(2)] = chance.choice(("", chance.choice(alphabet)))
    return "".join(letters)


@pytest.mark.parametrize(
    ("name", "ours", "seeds", "alphabet"),
    [
        (
            "date-time",
            is_instant,
            ["2025-03-14T09:26:53Z", "2024-02-29t23:59:59.123456789+12:30", "1999-12-31T00:00:00.5-01:00"],
            "0123456789-:.TZtz+ ٣",
        ),
        (
            "uri",
            lambda text: bool(re.search(URI_PATTERN, text)),
            [
                "https://user:pw@example.org:8443/a/b%20c?q=1&r=/?#f",
                "http://[2001:db8::7:8]/",
                "http://[1:2:3:4:5:6:192.0.2.1]:80",
                "http://[v1.fe80::a+en1]",
                "http://[::]",
                "urn:isbn:0451450523",
                "a:/b//c",
                "mailto:a@b",
            ],
            "abf019:/?#[]@!$&'()*+,;=%-._~ é{",
        ),
    ],
)
def test_our_pattern_agrees_with_the_validator(name, ours, seeds, alphabet):
    chance = random.Random(name)
    verdicts = []
    for _ in range(20_000):
        text = disturbed(chance, chance.choice(seeds), alphabet)
        verdicts.append(FORMATS.conforms(text, name))
        assert ours(text) is verdicts[-1], text
    assert 4_000 < sum(verdicts) < 19_000

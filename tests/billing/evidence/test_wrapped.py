"""A signed value may come wrapped in many ways, and is the same one in each of them."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from billing.evidence.signing import Meter, examine, place, values
from ingufu.billing.evidence.model import SignatureState
from ingufu.billing.evidence.signed import digest_of

VERIFIED = SignatureState.VERIFIED


def look(meter, texts):
    return examine(values(texts), [meter.registered()], place()).state


WRAPS = [
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: text.encode().hex(),
    lambda text: f"  \n{text}\n ",
    lambda text: "\n".join(base64.encodebytes(text.encode()).decode().split()),
]


@pytest.mark.parametrize("wrap", WRAPS)
def test_records_come_wrapped(wrap):
    meter = Meter()
    assert look(meter, [wrap(text) for text in meter.session()]) is VERIFIED


def other_s(text):
    """Return the record with the other signature that fits as well: it has the rest of the curve's order as its s."""
    head, bar, tail = text.rpartition("|")
    told = json.loads(tail) if tail.startswith("{") else {"SD": tail}
    r, s = decode_dss_signature(bytes.fromhex(told["SD"]))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of secp256r1
    told["SD"] = encode_dss_signature(r, order - s).hex()
    return head + bar + (json.dumps(told) if tail.startswith("{") else told["SD"])


@pytest.mark.parametrize("wrap", [*WRAPS, lambda text: f'{text[:-1]}, "XX": 1}}', other_s])
def test_a_record_in_another_wrapping_is_no_other_record(wrap):
    meter = Meter()
    texts = meter.session()
    again = [wrap(text) for text in texts]
    assert look(meter, again) is VERIFIED
    assert [digest_of(one) for one in values(again)] == [digest_of(one) for one in values(texts)]
    assert look(meter, [*texts, *again]) is VERIFIED


def test_two_readings_that_say_the_same_are_two_where_they_have_no_page_and_time():
    meter = Meter()
    texts = [meter.plain("1000", 0, is_bare=True) for _ in range(2)]
    names = {digest_of(one) for one in values(texts, encoding="plain")}
    assert len(names) == 2
    again = [other_s(text) for text in texts]
    assert {digest_of(one) for one in values(again, encoding="plain")} == names
    paged = [meter.plain("1000", 0), meter.plain("1000", 0)]
    assert len({digest_of(one) for one in values(paged, encoding="plain")}) == 2

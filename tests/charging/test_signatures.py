"""Signed values for transparency software: nothing of them changes, and keys are read in every form in use."""

import base64
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.charging.model import SignedValue
from ingufu.charging.signatures import Signed, read_public_key, to_xml

DER = "3059301306072a8648ce3d020106082a8648ce3d03010703420004ab"
SPACED = "0x30 59:30-13 06 07 2A 86 48 CE 3D 02 01 06 08 2A 86 48 CE 3D 03 01 07 03 42 00 04 AB"
BASE64 = base64.b64encode(bytes.fromhex(DER)).decode()


@pytest.mark.parametrize(
    "text",
    [
        DER,
        DER.upper(),
        SPACED,
        BASE64,
        f"oca:base16:asn1:{DER}",
        f"oca:base16:asn1:{SPACED}",
        f"oca:base64:asn1:{BASE64}",
        base64.b64encode(f"oca:base16:asn1:{DER}".encode()).decode(),
        base64.b64encode(f"oca:base64:asn1:{BASE64}".encode()).decode(),
    ],
)
def test_a_key_is_read_in_every_form(text: str):
    key = read_public_key(text)
    assert key is not None
    assert key.der_hex == DER


@pytest.mark.parametrize(
    "text", [None, "", "hello", "oca:", "oca:base16", "oca:base32:asn1:AAAA", "30zz", "3" * 20_000]
)
def test_what_is_no_key_is_none(text: str | None):
    assert read_public_key(text) is None


@given(st.text(max_size=300))
def test_reading_a_key_never_fails(text: str):
    key = read_public_key(text)
    assert key is None or bytes.fromhex(key.der_hex)[0] == 0x30


@given(st.text(max_size=200), st.text(max_size=20))
def test_data_come_out_of_the_file_as_they_went_in(data: str, word: str):
    signed = Signed(transaction=word, context=word, value=SignedValue(data=data, encoding=word, public_key=DER))
    (value,) = ET.fromstring(to_xml([signed]).encode())
    found, key = value.find("signedData"), value.find("publicKey")
    assert found is not None
    assert key is not None
    text = found.text or ""
    if text != data:  # it could not stand in XML
        assert base64.b64decode(text).decode("utf-8", "surrogatepass") == data
        assert found.get("encoding") == "base64"
    assert (key.text, key.get("encoding")) == (DER, "hex")


def test_the_file_says_how_data_are_encoded():
    values = [
        Signed(
            transaction="TX", context="Transaction.Begin", value=SignedValue(data='OCMF|{"a":1}|{}', encoding="OCMF")
        ),
        Signed(transaction="TX", context="Transaction.End", value=SignedValue(data="T0NNRg==", encoding="OCMF")),
    ]
    begin, end = ET.fromstring(to_xml(values).encode())
    assert begin.find("signedData").get("encoding") == "plain"  # type: ignore[union-attr]
    assert end.find("signedData").get("encoding") == "base64"  # type: ignore[union-attr]
    assert (end.get("transactionId"), end.get("context")) == ("TX", "Transaction.End")
    assert begin.find("publicKey") is None

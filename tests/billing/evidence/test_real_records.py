"""Signed records of real meters, published for the transparency software: true ones verified, forged ones refused.

The records under `ocmf/` are data of https://github.com/SAFE-eV/transparenzsoftware (Apache-2.0), each with its source.
"""

import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from billing.evidence.signing import ZERO, examine, moment, place, values, wh
from ingufu.billing.evidence import keys
from ingufu.billing.evidence.model import DeliveredKey, MeterKey, SignatureState

SAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "ocmf").glob("*.json"))}
TRUE = [name for name, sample in SAMPLES.items() if sample["expects"]["state"] == "verified"]


def registered(sample, key=None):
    read = key or keys.read_key(sample["public_key"], sample["curve"])
    if read is None:
        return []
    fields = {"der_hex": read.der_hex, "curve": read.curve, "fingerprint": read.fingerprint}
    return [MeterKey(id="key", station_id="station", created_at=ZERO, **fields)]


def look(sample, texts=None, key=None):
    return examine(values(texts or sample["records"]), registered(sample, key), place())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_real_record_is_what_its_publisher_says(name):
    sample = SAMPLES[name]
    finding, expected = look(sample), sample["expects"]
    assert finding.state.value == expected["state"], finding.detail
    if expected["begin_wh"] is not None:
        assert (finding.begin_wh, finding.end_wh) == (wh(expected["begin_wh"]), wh(expected["end_wh"]))


def test_real_records_are_of_several_makers_and_curves():
    assert len(TRUE) >= 8
    assert {SAMPLES[name]["curve"] for name in TRUE} >= {
        "secp192r1", "secp256r1", "secp256k1", "secp384r1", "brainpoolP256r1",
    }  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_a_changed_digit_of_a_value_is_refused(name):
    sample = SAMPLES[name]
    texts = list(sample["records"])
    found = re.search(r'"RV"\s*:\s*"?\s*[0-9.]*([0-9])', texts[-1])
    at = found.start(1)
    texts[-1] = texts[-1][:at] + str((int(texts[-1][at]) + 1) % 10) + texts[-1][at + 1 :]
    assert look(sample, texts).state is SignatureState.INVALID


@pytest.mark.parametrize("name", TRUE)
def test_a_payload_that_was_written_anew_is_refused(name):
    sample = SAMPLES[name]
    _, payload, signature = sample["records"][0].split("|")
    anew = json.dumps(json.loads(payload), indent=1)
    assert look(sample, [f"OCMF|{anew}|{signature}", *sample["records"][1:]]).state is SignatureState.INVALID


@pytest.mark.parametrize("name", TRUE)
def test_begin_and_end_cannot_change_places(name):
    sample = SAMPLES[name]
    swap = str.maketrans({"\0": "B", "\1": "E"})
    texts = [
        re.sub(r'("TX"\s*:\s*)"B"', '\\1"\1"', re.sub(r'("TX"\s*:\s*)"E"', '\\1"\0"', text)).translate(swap)
        for text in sample["records"]
    ]
    assert texts != sample["records"]
    assert look(sample, texts).state is SignatureState.INVALID


@pytest.mark.parametrize("name", TRUE)
def test_a_truncated_signature_is_refused(name):
    sample = SAMPLES[name]
    texts = [re.sub(r'("SD"\s*:\s*"[0-9A-Fa-f]+)[0-9A-Fa-f]{4}"', r'\1"', text) for text in sample["records"]]
    assert texts != sample["records"]
    assert look(sample, texts).state is SignatureState.INVALID


@pytest.mark.parametrize("name", TRUE)
def test_another_key_of_the_same_curve_refuses_it(name):
    sample = SAMPLES[name]
    other = keys.describe(ec.derive_private_key(4711, keys.CURVES[sample["curve"]]()).public_key())
    assert look(sample, key=other).state is SignatureState.INVALID


@pytest.mark.parametrize("name", TRUE)
def test_without_a_registered_key_the_delivered_one_proves_nothing(name):
    sample = SAMPLES[name]
    finding = examine(values(sample["records"], public_key=sample["public_key"]), [], place())
    assert finding.state is SignatureState.NO_KEY
    assert finding.energy_wh is None
    assert "fits; that proves nothing" in finding.checks[0].detail


def test_a_delivered_key_that_differs_from_the_registered_one_is_told():
    sample = SAMPLES["nano-second-key"]
    told = values(sample["records"])
    told[0] = values(sample["records"], public_key=sample["public_key"])[0]
    told[1] = values(sample["records"], public_key=sample["delivered_keys"][1])[1]
    finding = examine(told, registered(sample), place())
    assert finding.state is SignatureState.VERIFIED
    assert [check.delivered for check in finding.checks] == [DeliveredKey.SAME, DeliveredKey.OTHER]


def test_records_of_two_real_meters_are_no_session():
    one, other = SAMPLES["ebee-two"], SAMPLES["nzr-brainpool"]
    told = values([one["records"][0], other["records"][1]])
    finding = examine(told, [*registered(one), *registered(other)], place(started_at=moment(0)))
    assert finding.state is SignatureState.INCOMPLETE
    assert "several meters" in finding.detail

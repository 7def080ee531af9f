"""Signed readings of meters of our own: every curve, every check that OCMF asks for, and hostile records."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.evidence.signing import Meter, examine, moment, place, values, wh
from ingufu.billing.evidence import keys, ocmf
from ingufu.billing.evidence.model import DeliveredKey, SignatureState
from ingufu.billing.evidence.signed import digest_of, unwrap

VERIFIED, INVALID, INCOMPLETE = SignatureState.VERIFIED, SignatureState.INVALID, SignatureState.INCOMPLETE


def look(meter, texts, **more):
    return examine(values(texts), [meter.registered()], place(), **more)


@pytest.mark.parametrize("curve", keys.CURVES)
def test_every_curve_is_verified_and_every_forgery_refused(curve):
    meter = Meter(curve)
    begin, end = meter.session()
    finding = look(meter, [begin, end])
    assert (finding.state, finding.energy_wh) == (VERIFIED, wh(10_000))
    assert finding.checks[0].key_fingerprint == meter.key.fingerprint
    assert look(meter, [begin, end.replace("110.0", "119.0")]).state is INVALID
    assert look(meter, [begin, f"{end[:-6]}{end[-4:]}"]).state is INVALID
    other = Meter(curve, serial="another")
    assert examine(values([begin, end]), [other.registered()], place()).state is INVALID


@pytest.mark.parametrize("how", [{"encoding": "base64"}, {"is_raw": True}, {"digest": "sha384"}, {"digest": "sha512"}])
def test_signatures_come_in_several_forms(how):
    meter = Meter("secp384r1")
    texts = [
        meter.sign(meter.payload((letter, at, value)), **how) for letter, at, value in (("B", 0, 1.5), ("E", 60, 2))
    ]
    assert look(meter, texts).energy_wh == wh(500)


@pytest.mark.parametrize(
    "form", ["hex", "HEX", "spaced", "base64", "pem", "oca", "oca64", "point", "raw", "compressed"]
)
def test_keys_come_in_several_forms(form):
    meter = Meter()
    der = bytes.fromhex(meter.key.der_hex)
    public = meter.secret.public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    oca = f"oca:base16:asn1:{der.hex()}"
    text = {
        "hex": der.hex(),
        "HEX": der.hex().upper(),
        "spaced": " ".join(der.hex()[i : i + 4] for i in range(0, len(der.hex()), 4)),
        "base64": base64.b64encode(der).decode(),
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "oca": oca,
        "oca64": base64.b64encode(oca.encode()).decode(),
        "point": point.hex(),
        "raw": point[1:].hex(),
        "compressed": public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint).hex(),
    }[form]
    assert keys.read_key(text, "secp256r1" if form == "compressed" else None) == meter.key


def test_a_bare_point_of_another_curve_is_read_by_the_name_of_the_curve():
    meter = Meter("brainpoolP256r1")
    point = meter.secret.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex()
    assert keys.read_key(point) is None  # not a point of secp256r1
    assert keys.read_key(point, "brainpool256r1") == meter.key


@pytest.mark.parametrize(
    "text", ["", "no key", "30", "00" * 64, "A" * 20_000, "oca:base16:asn1:zz", "MFkw", "3059" * 30]
)
def test_what_is_no_key_is_none(text):
    assert keys.read_key(text) is None


def test_keys_of_other_kinds_are_none():
    secret = rsa.generate_private_key(65537, 2048)
    der = secret.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert keys.read_key(der.hex()) is None


def test_a_missing_page_makes_it_incomplete():
    meter = Meter()
    begin = meter.record(("B", 0, 1.0))
    meter.record(("C", 30, 1.5))
    finding = look(meter, [begin, meter.record(("E", 60, 2.0))])
    assert finding.state is INCOMPLETE
    assert "T1 and T3" in finding.detail


def test_all_pages_of_a_session_are_verified_together():
    meter = Meter()
    texts = [meter.record(("B", 0, 1.0)), *(meter.record(("C", at, 1 + at / 60)) for at in (15, 30, 45))]
    finding = look(meter, [*texts, meter.record(("E", 60, 2.5))])
    assert (finding.state, finding.energy_wh, len(finding.checks)) == (VERIFIED, wh(1500), 5)


def test_one_forged_page_between_refuses_all():
    meter = Meter()
    texts = [meter.record(("B", 0, 1.0)), meter.record(("C", 30, 1.5)), meter.record(("E", 60, 2.0))]
    assert look(meter, [texts[0], texts[1].replace("1.5", "1.6"), texts[2]]).state is INVALID


def test_a_record_that_is_told_twice_counts_once():
    meter = Meter()
    begin, end = meter.session()
    finding = look(meter, [begin, begin, end, end])
    assert (finding.state, len(finding.checks)) == (VERIFIED, 2)


def test_a_record_of_the_whole_session_needs_no_other():
    meter = Meter()
    begin = meter.record(("B", 0, 5.0))
    meter.page = 9
    whole = meter.record(("B", 0, 5.0), ("E", 60, 7.25))
    assert look(meter, [whole]).energy_wh == wh(2250)
    assert look(meter, [begin, whole]).energy_wh == wh(2250)


def test_what_a_reading_leaves_out_is_as_in_the_one_before():
    meter = Meter()
    bare = dict.fromkeys(("TM", "RI", "RU", "ST", "EF"))
    finding = look(meter, [meter.record(("B", 0, 5.0), ("C", 30, 6.0, bare), ("E", 60, 7.0, bare))])
    assert (finding.state, finding.energy_wh) == (VERIFIED, wh(2000))


@pytest.mark.parametrize("letter", "ELRAP")
def test_every_way_to_end_is_an_end(letter):
    meter = Meter()
    assert look(meter, [meter.record(("B", 0, 5.0)), meter.record((letter, 60, 7.0))]).state is VERIFIED


@pytest.mark.parametrize(
    ("fields", "word"),
    [({"ST": "M"}, "status M"), ({"ST": None}, "not good"), ({"EF": "E"}, "error E"), ({"TX": "X"}, "exception")],
)
def test_what_the_meter_itself_doubts_is_incomplete(fields, word):
    meter = Meter()
    middle = meter.record(("B", 0, 5.0), ("C", 30, 6.0, fields), ("E", 60, 7.0, {"ST": "G", "EF": "", "TX": "E"}))
    if fields == {"ST": None}:
        middle = meter.record(("B", 0, 5.0, fields), ("E", 60, 7.0, {"ST": "G"}))
    finding = look(meter, [middle])
    assert finding.state is INCOMPLETE
    assert word in finding.detail


def test_another_meter_at_the_end_is_incomplete():
    one, other = Meter(), Meter(serial="M2", page=2)
    texts = [one.record(("B", 0, 1.0)), other.record(("E", 60, 2.0))]
    finding = examine(values(texts), [one.registered(), other.registered(id="2")], place())
    assert finding.state is INCOMPLETE
    assert "M1, M2" in finding.detail


@pytest.mark.parametrize("letters", ["BB", "BC", "CE", "EE", "CC"])
def test_one_end_alone_is_incomplete(letters):
    meter = Meter()
    texts = [meter.record((letter, at, 1.0 + at)) for letter, at in zip(letters, (0, 60), strict=True)]
    assert look(meter, texts).state is INCOMPLETE


def test_a_falling_register_is_not_verified():
    meter = Meter()
    texts = [meter.record(("B", 0, 5.0)), meter.record(("C", 30, 9.0)), meter.record(("E", 60, 7.0))]
    assert look(meter, texts).detail == "The register falls."
    finding = look(meter, meter.session("7.0", "5.0"))
    assert (finding.state, finding.detail) == (INCOMPLETE, "The register falls.")
    assert finding.energy_wh is None


def test_end_before_begin_is_not_verified():
    meter = Meter()
    texts = [meter.record(("E", 0, 5.0)), meter.record(("B", 60, 5.0))]
    assert look(meter, texts).state is INCOMPLETE


@pytest.mark.parametrize(("name", "unit", "factor"), [("1-0:1.8.0*198", "Wh", 1), ("01-00:B2.08.00*FF", "kWh", 1000)])
def test_import_registers_are_read_by_their_name(name, unit, factor):
    meter = Meter()
    fields = {"RI": name, "RU": unit}
    texts = [meter.record(("B", 0, 100.0, fields)), meter.record(("E", 60, 103.5, fields))]
    assert look(meter, texts).energy_wh == wh(3.5) * factor


def test_of_several_registers_the_one_of_the_vehicle_counts():
    meter = Meter()
    told = [
        meter.record(*((letter, at, value, {"RI": name}) for name, value in pairs))
        for letter, at, pairs in (
            ("B", 0, [("1-b:B2.8.0", 0.0), ("1-b:B3.8.0", 0.0), ("1-b:C2.8.0", 9.0)]),
            ("E", 60, [("1-b:B2.8.0", 10.2), ("1-b:B3.8.0", 10.0), ("1-b:C2.8.0", 12.0)]),
        )
    ]
    assert look(meter, told).energy_wh == wh(10_000)


def test_export_and_time_alone_are_no_energy():
    meter = Meter()
    fields = {"RI": "1-0:2.8.0"}
    texts = [meter.record(("B", 0, 100.0, fields)), meter.record(("E", 60, 103.5, fields))]
    assert look(meter, texts).state is INCOMPLETE


def test_padded_values_are_exact():
    meter = Meter()
    texts = [meter.record(("B", 0, "       3.988")), meter.record(("E", 60, "00012.000100"))]
    assert look(meter, texts).energy_wh == wh("8012.1")


def test_a_key_holds_for_its_meter_place_and_time_only():
    meter = Meter()
    told = values(meter.session())
    for fields, state in (
        ({"meter_serial": "M1", "evse": 1, "connector": 1}, VERIFIED),
        ({"meter_serial": "M2"}, SignatureState.NO_KEY),
        ({"evse": 2}, SignatureState.NO_KEY),
        ({"connector": 2}, SignatureState.NO_KEY),
        ({"valid_from": moment(61)}, SignatureState.NO_KEY),
        ({"valid_until": moment(0)}, SignatureState.NO_KEY),
        ({"valid_until": moment(1)}, VERIFIED),
    ):
        assert examine(told, [meter.registered(**fields)], place()).state is state, fields


def test_of_two_keys_the_one_that_signed_is_named():
    old, new = Meter(serial="changed meter"), Meter()
    finding = examine(values(new.session()), [old.registered(id="old"), new.registered(id="new")], place())
    assert finding.state is VERIFIED
    assert {check.key_fingerprint for check in finding.checks} == {new.key.fingerprint}


def test_a_record_of_another_session_proves_nothing():
    meter = Meter()
    texts = meter.session()
    finding = look(meter, texts, used_elsewhere={digest_of(values(texts)[0])})
    assert finding.state is INVALID
    assert "another session" in finding.detail


def test_a_synchronised_clock_elsewhere_is_a_doubt():
    meter = Meter()
    texts = [meter.record(("B", 300, 5.0)), meter.record(("E", 360, 7.0))]
    note = look(meter, texts).notes[0]
    assert (note.code, note.is_doubt) == ("signed-time-elsewhere", True)


@pytest.mark.parametrize(("clock", "codes"), [("S", []), ("R", []), ("I", ["signed-clock-not-synchronised"])])
def test_the_state_of_the_clock_is_told(clock, codes):
    meter = Meter()
    fields = {"TM": f"2026-03-01T12:00:00,000+0000 {clock}"}
    texts = [meter.record(("B", 0, 5.0, fields)), meter.record(("E", 60, 7.0, fields))]
    assert [note.code for note in look(meter, texts).notes] == codes


def test_plain_signed_readings_are_verified():
    meter = Meter()
    texts = [meter.plain("1000", 0), meter.plain("3500", 60)]
    method = "ECDSA-secp256r1-SHA256"
    finding = examine(values(texts, encoding="plain", method=method), [meter.registered()], place())
    assert (finding.state, finding.energy_wh) == (VERIFIED, wh(2500))
    forged = [texts[0], texts[1].replace("3500", "4500")]
    assert examine(values(forged, encoding="plain", method=method), [meter.registered()], place()).state is INVALID
    nameless = examine(values(texts, encoding="plain"), [meter.registered()], place())
    assert nameless.state is SignatureState.UNSUPPORTED


@pytest.mark.parametrize(
    ("data", "encoding", "name"),
    [
        ("<signedMeterValue><encodingMethod>EDL</encodingMethod></signedMeterValue>", None, "EDL"),
        ("CQFFTUgAAH+IOlW9mmA=", "EDL40", "EDL40"),
        ("AP;0;3;ALCV3ABBBISHMA2RYEGAZE3HV5YQBQRAEHAR2MN35BYHSRAX6H4KXZL5QA6Q====;", None, "Alfen"),
    ],
)
def test_other_formats_are_named_and_not_supported(data, encoding, name):
    finding = examine(values([data, data + " "], encoding=encoding), [Meter().registered()], place())
    assert finding.state is SignatureState.UNSUPPORTED
    assert name in finding.detail


def test_curves_that_no_library_has_are_named():
    meter = Meter()
    text = meter.sign(meter.payload(("B", 0, 1.0)), SA="ECDSA-secp192k1-SHA256")
    finding = look(meter, [text])
    assert finding.state is SignatureState.UNSUPPORTED
    assert "secp192k1" in finding.detail


@pytest.mark.parametrize(
    "text",
    [
        "OCMF|",
        "OCMF|{}",
        "OCMF|{}|{}",
        "OCMF|[]|{}",
        'OCMF|{"RD":[]}|{"SD":"00"}',
        'OCMF|{"RD":{}}|{"SD":"00"}',
        'OCMF|{"RD":[{"RV":NaN}]}|{"SD":"00"}',
        'OCMF|{"RD":[{"RV":1e999}],"RD":[{"RV":1}]}|{"SD":"00"}',
        'OCMF|{"RD":[1,null,"x"]}|{"SD":"00"}',
        'OCMF|{"RD":[{"RV":1}]}|{"SD":"%%%"}',
        'OCMF|{"RD":[{"RV":1}]}|{"SD":12}',
        'OCMF|{"RD":[{"RV":' + "9" * 5000 + '}]}|{"SD":"00"}',
        "OCMF|" + "[" * 30_000 + "]" * 30_000 + '|{"SD":"00"}',
        'OCMF|{"RD":[' + '{"RV":1},' * 600 + '{"RV":1}]}|{"SD":"00"}',
        "OCMF|" + "x" * 200_000,
        'OCMF|{"RD":[{"TM":"9999-99-99T99:99:99,999+9999 S","TX":"B","RV":1}]}|{"SD":"3006020100020100"}',
        "\ud800OCMF|{}|{}",
    ],
)
def test_hostile_records_are_refused_and_bounded(text):
    finding = examine(values([text, text + " "]), [Meter().registered()], place())
    assert finding.state in (INVALID, SignatureState.UNSUPPORTED)
    assert finding.energy_wh is None
    assert all(len(check.detail) < 500 for check in finding.checks)


def test_a_name_that_comes_twice_is_no_record_even_if_it_is_signed():
    meter = Meter()
    payload = meter.payload(("B", 0, 1.0), ("E", 60, 2.0)).replace('"RV":2.0', '"RV":2.0,"RV":9.0')
    assert look(meter, [meter.sign(payload)]).state is INVALID


def test_very_many_records_are_bounded():
    told = values([f'OCMF|{{"PG": "T{number}"}}|{{"SD": "00"}}' for number in range(2100)])
    assert len(examine(told, [], place()).checks) == 2000


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode()))
def test_whatever_comes_is_answered(text):
    finding = examine(values([text, f"OCMF|{text}|{text}"]), [Meter().registered()], place())
    assert finding.state is not VERIFIED
    assert unwrap(text) is not None


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["RD", "RV", "TX", "RI", "RU", "PG", "MS", "TM", "ST"]), inner)
        ),
    )
)
def test_whatever_is_signed_truly_is_still_read_carefully(content):
    meter = Meter()
    payload = json.dumps({"RD": content} if not isinstance(content, dict) else content)
    record = ocmf.read(meter.sign(payload))
    assert record.fault or all(abs(one.wh) <= ocmf.REGISTER_MAX_WH for one in record.registers)


def test_der_numbers_without_their_leading_zero_are_read():
    meter = Meter("secp192r1")
    for attempt in range(40):
        payload = meter.payload(("B", 0, float(attempt)), ("E", 60, attempt + 1.0))
        raw = meter.secret.sign(payload.encode(), ec.ECDSA(keys.HASHES["sha256"]()))
        if raw[4] == 0 and raw[3] == 25:  # r has its high bit set
            short = bytes([0x30, raw[1] - 1, 0x02, 24]) + raw[5:]
            text = f"OCMF|{payload}|" + json.dumps({"SD": short.hex(), "SA": "ECDSA-secp192r1-SHA256"})
            assert look(meter, [text]).state is VERIFIED
            return
    pytest.fail("No signature with a high bit came in 40 tries.")


def test_what_came_with_it_is_told_beside_the_result():
    meter, other = Meter(), Meter(serial="other")
    for text, relation in (
        (meter.key.der_hex, DeliveredKey.SAME),
        (other.key.der_hex, DeliveredKey.OTHER),
        ("rubbish", DeliveredKey.UNREADABLE),
        (None, DeliveredKey.NONE),
    ):
        finding = examine(values(meter.session(), public_key=text), [meter.registered()], place())
        assert finding.state is VERIFIED
        assert {check.delivered for check in finding.checks} == {relation}


def test_hexadecimal_digits_that_lack_their_first_zero_are_read():
    meter = Meter()
    for attempt in range(200):
        text = meter.sign(meter.payload(("B", 0, float(attempt)), ("E", 60, attempt + 1.0)), is_raw=True)
        head, signature = text.rsplit("|", 1)
        told = json.loads(signature)
        if told["SD"].startswith("0"):
            told["SD"] = told["SD"][1:]
            assert look(meter, [f"{head}|{json.dumps(told)}"]).state is VERIFIED
            return
    pytest.fail("No signature with a leading zero came in 200 tries.")

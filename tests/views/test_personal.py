"""What a host is not told: who charged, whatever it is read from."""

import msgspec

from ingufu.accounts.decide import sites_shown
from ingufu.accounts.model import Bounds, Held, OfHost, OrganisationKind, Scope
from ingufu.charging.model import AnomalyKind, Sample, SignedValue
from ingufu.core.tenures import Tenure
from ingufu.views.personal import as_seen, masked_card, masked_detail
from ingufu.views.timeline import details_seen

HOST = OfHost({"site"})
EVERYONE = (None, frozenset({"site"}))


def test_a_card_shows_its_last_four_signs_and_a_short_one_less() -> None:
    assert masked_card("04A1B2C3D4E5F6") == "…E5F6"
    assert masked_card("12345678") == "…5678"
    assert masked_card("1234") == "…34"
    assert masked_card("1") == "…"


def test_names_go_wherever_they_stand_and_the_rest_stays() -> None:
    told = {
        "token": {"value": "04A1B2C3D4E5F6", "kind": "ISO14443", "driver_id": "d"},
        "lines": [{"driver_name": "Amina", "net": "5"}],
        "id_tag": "04A1B2C3D4E5F6",
    }
    assert as_seen(HOST, told) == {
        "token": {"value": "…E5F6", "kind": "ISO14443"},
        "lines": [{"net": "5"}],
        "id_tag": "…E5F6",
    }
    for others in EVERYONE:
        assert as_seen(others, told) is told


def test_signed_meter_values_are_left_out_of_readings_for_they_may_name_the_card() -> None:
    signed = Sample(raw_value='OCMF|{"ID":"04A1B2C3D4E5F6"}', signed=SignedValue(data='OCMF|{"ID":"04A1B2C3D4E5F6"}'))
    samples = msgspec.Raw(msgspec.json.encode([signed, Sample(raw_value="7")]))
    kept = msgspec.json.decode(as_seen(HOST, samples), type=list[Sample])
    assert [(one.raw_value, one.signed) for one in kept] == [("", None), ("7", None)]


def test_what_is_odd_about_a_card_does_not_tell_its_number() -> None:
    refused = "04A1B2C3D4E5F6 is refused: blocked."
    assert masked_detail(AnomalyKind.REFUSED_TOKEN, refused) == "…E5F6 is refused: blocked."
    assert masked_detail(AnomalyKind.STRANGER_STOPPED, "04 A1 B2 C3 did not start it.") == "…2 C3 did not start it."
    assert masked_detail(AnomalyKind.STRANGER_STOPPED, "04A1B2C3D4E5F6, in other words") == ""
    assert masked_detail(AnomalyKind.SEQUENCE_GAP, "Between 3 and 5.") == "Between 3 and 5."
    event = {"anomaly": AnomalyKind.REFUSED_TOKEN.value, "detail": refused}
    assert "04A1B2" not in str(details_seen(HOST, event))
    assert details_seen(None, event) is event


def test_only_hosts_without_the_permission_see_their_sites_so() -> None:
    host = Bounds(organisation_id="h", kind=OrganisationKind.HOST, tenures=(Tenure("site"),))
    operator = Bounds(organisation_id="o", kind=OrganisationKind.OPERATOR)
    assert sites_shown(host, (), {Scope.TRANSACTIONS_READ}) == HOST
    assert sites_shown(host, ("site", "foreign"), {Scope.TRANSACTIONS_READ}) == HOST
    assert sites_shown(host, (), {Scope.DRIVERS_READ}) == Held({"site"})
    assert frozenset({"site"}) != HOST
    assert sites_shown(operator, ("site",), {Scope.TRANSACTIONS_READ}) == frozenset({"site"})
    assert sites_shown(operator, (), {Scope.TRANSACTIONS_READ}) is None

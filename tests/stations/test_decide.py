"""Every outcome of the rules of stations."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.stations import decide
from ingufu.stations.model import (
    Approval,
    AttemptOutcome,
    Boot,
    BootAnswer,
    Connector,
    ConnectorStatus,
    Credentials,
    Presented,
    Station,
    StationRules,
    StatusReport,
    UnknownPolicy,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = StationRules()
STATION = Station(id="s", identity="NAIROBI-1", password_hash="set", created_at=NOW)


def a_station(**changes):
    return msgspec.structs.replace(STATION, **changes)


def presented(**facts):
    return Presented(identity="NAIROBI-1", **facts)


PLAIN_RIGHT = presented(credentials=Credentials.RIGHT)
TLS_RIGHT = presented(has_tls=True, credentials=Credentials.RIGHT)
CERTIFICATE = presented(has_tls=True, certificate_name="SN-77", certificate_organisation="Ingufu Charging")


def test_unknown_station_waits_or_is_refused_as_the_settings_say():
    assert decide.admit(None, PLAIN_RIGHT, RULES) is AttemptOutcome.WAITING_FOR_APPROVAL
    refusing = StationRules(unknown_policy=UnknownPolicy.REFUSE)
    assert decide.admit(None, PLAIN_RIGHT, refusing) is AttemptOutcome.UNKNOWN_STATION


@pytest.mark.parametrize(
    ("approval", "outcome"),
    [
        (Approval.WAITING, AttemptOutcome.WAITING_FOR_APPROVAL),
        (Approval.REFUSED, AttemptOutcome.REFUSED_STATION),
    ],
)
@pytest.mark.parametrize("shown", [PLAIN_RIGHT, TLS_RIGHT, CERTIFICATE, presented()])
def test_station_that_is_not_approved_never_connects_whatever_it_shows(approval, outcome, shown):
    assert decide.admit(a_station(approval=approval, certificate_name="SN-77"), shown, RULES) is outcome


@pytest.mark.parametrize(
    ("profile", "shown", "outcome"),
    [
        (0, presented(), AttemptOutcome.CONNECTED),
        (0, presented(credentials=Credentials.WRONG), AttemptOutcome.CONNECTED),
        (0, PLAIN_RIGHT, AttemptOutcome.CONNECTED),
        (1, presented(), AttemptOutcome.NO_CREDENTIALS),
        (1, presented(credentials=Credentials.WRONG), AttemptOutcome.WRONG_CREDENTIALS),
        (1, PLAIN_RIGHT, AttemptOutcome.CONNECTED),
        (1, TLS_RIGHT, AttemptOutcome.CONNECTED),
        (1, presented(has_tls=True), AttemptOutcome.NO_CREDENTIALS),
        (1, presented(has_tls=True, certificate_name="other"), AttemptOutcome.WRONG_CERTIFICATE),
        (1, CERTIFICATE, AttemptOutcome.CONNECTED),
        (2, PLAIN_RIGHT, AttemptOutcome.PROFILE_TOO_LOW),
        (2, presented(has_tls=True), AttemptOutcome.NO_CREDENTIALS),
        (2, presented(has_tls=True, credentials=Credentials.WRONG), AttemptOutcome.WRONG_CREDENTIALS),
        (2, TLS_RIGHT, AttemptOutcome.CONNECTED),
        (2, CERTIFICATE, AttemptOutcome.CONNECTED),
        (3, PLAIN_RIGHT, AttemptOutcome.PROFILE_TOO_LOW),
        (3, TLS_RIGHT, AttemptOutcome.NO_CLIENT_CERTIFICATE),
        (3, presented(has_tls=True, certificate_name="SN-78"), AttemptOutcome.WRONG_CERTIFICATE),
        (3, CERTIFICATE, AttemptOutcome.CONNECTED),
        (3, presented(has_tls=False, certificate_name="SN-77"), AttemptOutcome.PROFILE_TOO_LOW),
    ],
)
def test_each_profile_opens_to_its_own_proof_only(profile, shown, outcome):
    station = a_station(security_profile=profile, certificate_name="SN-77")
    assert decide.admit(station, shown, RULES) is outcome


@pytest.mark.parametrize(("shown", "profile"), [(presented(), 0), (PLAIN_RIGHT, 1), (TLS_RIGHT, 2), (CERTIFICATE, 3)])
def test_used_profile_is_that_of_the_proof(shown, profile):
    assert decide.used_profile(a_station(certificate_name="SN-77"), shown, RULES) == profile


def test_certificate_names_what_was_entered_else_the_serial_number_else_the_identity():
    assert decide.binds(a_station(certificate_name="CN", serial_number="SN"), "cn")
    assert not decide.binds(a_station(certificate_name="CN", serial_number="SN"), "SN")
    assert decide.binds(a_station(serial_number="SN"), "SN")
    assert not decide.binds(a_station(serial_number="SN"), "NAIROBI-1")
    assert decide.binds(a_station(), "nairobi-1")
    assert not decide.binds(a_station(), "NAIROBI-2")


def test_certificate_of_another_organisation_is_wrong():
    rules = StationRules(certificate_organisation="ingufu")
    station = a_station(security_profile=3, certificate_name="SN-77")
    other = presented(has_tls=True, certificate_name="SN-77", certificate_organisation="Someone Else")
    nameless = presented(has_tls=True, certificate_name="SN-77")
    assert decide.admit(station, CERTIFICATE, rules) is AttemptOutcome.CONNECTED
    assert decide.admit(station, other, rules) is AttemptOutcome.WRONG_CERTIFICATE
    assert decide.admit(station, nameless, rules) is AttemptOutcome.WRONG_CERTIFICATE


@given(
    profile=st.integers(1, 3),
    has_tls=st.booleans(),
    credentials=st.sampled_from(Credentials),
    name=st.sampled_from([None, "SN-77", "SN-78"]),
)
def test_nothing_connects_below_its_profile(profile, has_tls, credentials, name):
    station = a_station(security_profile=profile, certificate_name="SN-77")
    shown = presented(has_tls=has_tls, credentials=credentials, certificate_name=name)
    if decide.admit(station, shown, RULES) is AttemptOutcome.CONNECTED:
        assert decide.used_profile(station, shown, RULES) >= profile


def test_boot_that_tells_another_serial_number_contradicts_the_certificate():
    boot = Boot(vendor="v", model="m", serial_number="sn-77")
    assert not decide.contradicts_certificate(boot, "SN-77")
    assert decide.contradicts_certificate(boot, "SN-78")
    assert not decide.contradicts_certificate(boot, None)
    assert not decide.contradicts_certificate(Boot(vendor="v", model="m"), "SN-78")


def test_boot_is_answered_by_approval_first_then_as_the_operator_chose():
    assert decide.answer_boot(a_station()) is BootAnswer.ACCEPTED
    assert decide.answer_boot(a_station(boot_answer=BootAnswer.PENDING)) is BootAnswer.PENDING
    assert decide.answer_boot(a_station(approval=Approval.WAITING)) is BootAnswer.PENDING
    assert decide.answer_boot(a_station(approval=Approval.REFUSED)) is BootAnswer.REJECTED


def test_interval_is_the_heartbeat_only_for_the_accepted():
    rules = StationRules(heartbeat_interval_s=900, pending_retry_s=30)
    assert [rules.interval_s(answer) for answer in BootAnswer] == [900, 30, 30]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Available", "available"),
        ("Preparing", "occupied"),
        ("Charging", "occupied"),
        ("SuspendedEV", "occupied"),
        ("SuspendedEVSE", "occupied"),
        ("Finishing", "occupied"),
        ("Occupied", "occupied"),
        ("Reserved", "reserved"),
        ("Unavailable", "unavailable"),
        ("Faulted", "faulted"),
        ("charging", "occupied"),
        ("Dancing", "unknown"),
        ("", "unknown"),
    ],
)
def test_words_of_all_versions_mean_one_of_our_statuses(word, status):
    assert decide.status_of(word) == status


@pytest.mark.parametrize("identity", ["A", "NAIROBI-1", "x" * 48, "CP*1|a@b.c=+", "Süd 3"])
def test_usual_identities_have_no_flaw(identity):
    assert decide.identity_flaw(identity) is None


@pytest.mark.parametrize("identity", ["", "x" * 49, "a:b", "a/b", " a", "a\n", "a\x00b", "a\u202eb"])
def test_identities_that_nobody_can_have_are_named_so(identity):
    assert decide.identity_flaw(identity)


STORED = Connector(
    station_id="s", evse=1, number=1, status=ConnectorStatus.AVAILABLE, raw_status="Available", status_at=NOW
)


def merge(at, received_at=NOW, stored=STORED, skew_s=None):
    report = StatusReport(evse=1, connector=1, status=ConnectorStatus.OCCUPIED, raw_status="Charging", at=at)
    return decide.merge_status(stored, report, received_at, skew_s=skew_s, rules=RULES)


def test_report_older_than_the_stored_one_is_dropped():
    assert merge(NOW - timedelta(seconds=1), NOW + timedelta(seconds=5)) is None


def test_report_of_the_same_instant_counts():
    assert merge(NOW).status is ConnectorStatus.OCCUPIED


def test_report_without_a_time_counts():
    merged = merge(None)
    assert merged.status is ConnectorStatus.OCCUPIED
    assert merged.status_at is None


@pytest.mark.parametrize("at", [datetime(1970, 1, 1, tzinfo=UTC), NOW + timedelta(days=1)])
def test_time_of_a_clock_that_is_wrong_is_not_believed(at):
    merged = merge(at)
    assert merged.raw_status == "Charging"
    assert merged.status_at is None
    assert merged.status_received_at == NOW


def test_clock_known_to_be_off_makes_no_report_look_old():
    assert merge(NOW - timedelta(hours=3), skew_s=-10_800.0).status is ConnectorStatus.OCCUPIED


def test_clock_slightly_ahead_means_now_so_that_its_correction_loses_nothing():
    ahead = merge(NOW + timedelta(seconds=60))
    assert ahead.status_at == NOW
    corrected = merge(NOW + timedelta(seconds=2), NOW + timedelta(seconds=2), stored=ahead)
    assert corrected is not None


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_whatever_the_order_of_arrival_the_latest_status_stands(seconds):
    stored = STORED
    received_at = NOW + timedelta(hours=1)
    for second in seconds:
        stored = merge(NOW + timedelta(seconds=second), received_at, stored) or stored
    assert stored.status_at == NOW + timedelta(seconds=max(seconds))

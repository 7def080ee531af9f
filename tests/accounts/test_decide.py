"""The rules of accounts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.accounts import decide
from ingufu.accounts.model import (
    CEILINGS,
    ROLE_SCOPES,
    AccountRules,
    ActorKind,
    ApiKey,
    Bounds,
    Held,
    InProgress,
    Mismatch,
    New,
    OfFleet,
    OfHost,
    OrganisationKind,
    Principal,
    Replay,
    Role,
    RoleGrant,
    Scope,
    User,
)
from ingufu.core.tenures import Tenure

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OF_OPERATOR = Bounds(organisation_id="o", kind=OrganisationKind.OPERATOR)


def user(*grants, **facts):
    return User(id="u", organisation_id="o", email="a@b", name="A", created_at=NOW, grants=grants, **facts)


def seen(user, kind=OrganisationKind.OPERATOR, owned=(), login_id=None, address=None):
    scopes = ROLE_SCOPES[user.grants[0].role] if user.grants else frozenset()
    bounds = Bounds(organisation_id="o", kind=kind, tenures=tuple(Tenure(one) for one in owned))
    return decide.principal_of_user(user, scopes, bounds, login_id, address)


def test_role_held_everywhere_sees_every_site():
    principal = seen(user(RoleGrant(role=Role.VIEWER)), login_id="l", address="192.0.2.1")
    assert (principal.kind, principal.site_ids, principal.login_id) == (ActorKind.USER, None, "l")
    assert Scope.STATIONS_READ in principal.scopes
    assert Scope.STATIONS_COMMAND not in principal.scopes


def test_role_at_sites_sees_these_sites_only():
    grants = [RoleGrant(role=Role.OPERATOR, site_id=site) for site in ("s1", "s2")]
    principal = seen(user(*grants))
    assert principal.site_ids == {"s1", "s2"}
    assert Scope.ADMIN not in principal.scopes


@pytest.mark.parametrize(
    "grants",
    [
        (),
        (RoleGrant(role=Role.VIEWER), RoleGrant(role=Role.OPERATOR, site_id="s")),
        (RoleGrant(role=Role.VIEWER, site_id="a"), RoleGrant(role=Role.OPERATOR, site_id="b")),
        (RoleGrant(role=Role.VIEWER), RoleGrant(role=Role.VIEWER, site_id="s")),
        (RoleGrant(role=Role.ADMIN, site_id="s"),),
    ],
)
def test_grants_that_could_lend_rights_from_site_to_site_give_none(grants):
    assert decide.grants_flaw(grants)
    assert seen(user(*grants)) is None


@pytest.mark.parametrize("kind", [OrganisationKind.HOST, OrganisationKind.FLEET])
@pytest.mark.parametrize("role", list(Role))
def test_nobody_of_a_host_or_fleet_is_above_its_ceiling(kind, role):
    principal = seen(user(RoleGrant(role=role)), kind, owned=("a",))
    assert principal.scopes <= CEILINGS[kind]
    assert principal.site_ids is not None
    assert principal.people_of == "o"
    assert (Scope.DRIVERS_READ in principal.scopes) == (role is Role.ADMIN and kind is OrganisationKind.HOST)
    assert not principal.scopes & {
        Scope.ADMIN, Scope.AUDIT_READ, Scope.MONEY_WRITE, Scope.TARIFFS_WRITE, Scope.FRAMES_READ,
    }  # fmt: skip
    key = ApiKey(id="k", organisation_id="o", name="n", prefix="p", scopes=tuple(Scope), created_at=NOW)
    bearer = decide.principal_of_key(key, Bounds(organisation_id="o", kind=kind), NOW, None)
    assert (bearer.scopes, bearer.site_ids) == (
        CEILINGS[kind],
        OfFleet("o") if kind is OrganisationKind.FLEET else Held(),
    )


def test_host_sees_its_own_sites_narrowed_by_its_grants():
    everywhere = user(RoleGrant(role=Role.HOST))
    assert seen(everywhere, OrganisationKind.HOST, owned=("a", "b")).site_ids == OfHost({"a", "b"})
    assert seen(everywhere, OrganisationKind.HOST).site_ids == OfHost(), "no site is not every site"
    at_two = user(RoleGrant(role=Role.HOST, site_id="a"), RoleGrant(role=Role.HOST, site_id="theirs"))
    assert seen(at_two, OrganisationKind.HOST, owned=("a", "b")).site_ids == OfHost({"a"})
    lost = user(RoleGrant(role=Role.HOST, site_id="theirs"))
    assert seen(lost, OrganisationKind.HOST, owned=("a", "b")).site_ids == OfHost()


def test_fleet_sees_its_drivers_and_no_site():
    principal = seen(user(RoleGrant(role=Role.FLEET_MANAGER)), OrganisationKind.FLEET)
    assert (principal.fleet_id, principal.site_ids) == ("o", OfFleet("o"))
    assert not principal.site_ids
    assert len({OfFleet("o"), OfFleet("o"), OfFleet("p"), frozenset()}) == 3, "what is kept for one is not another's"
    assert seen(user(RoleGrant(role=Role.VIEWER))).fleet_id is None


def test_nobody_gives_what_they_do_not_hold():
    holder = Principal(
        kind=ActorKind.USER, id="u", name="A", scopes=frozenset({Scope.STATIONS_READ}), site_ids=frozenset({"a"})
    )
    assert decide.excess(holder, [Scope.STATIONS_READ], {"a"}) is None
    assert decide.excess(holder, [Scope.STATIONS_READ], frozenset()) is None
    assert "money:read" in decide.excess(holder, [Scope.STATIONS_READ, Scope.MONEY_READ], {"a"})
    assert "sites" in decide.excess(holder, [Scope.STATIONS_READ], {"a", "b"})
    assert "sites" in decide.excess(holder, [Scope.STATIONS_READ], None)


def test_disabled_user_may_nothing():
    assert seen(user(RoleGrant(role=Role.ADMIN), disabled_at=NOW)) is None


@pytest.mark.parametrize(
    ("facts", "is_good"),
    [
        ({}, True),
        ({"expires_at": NOW + timedelta(seconds=1)}, True),
        ({"expires_at": NOW}, False),
        ({"revoked_at": NOW}, False),
    ],
)
def test_key_is_good_until_it_ends_or_is_revoked(facts, is_good):
    key = ApiKey(
        id="k", organisation_id="o", name="n", prefix="p", scopes=(Scope.STATIONS_READ,), created_at=NOW, **facts
    )
    assert (decide.principal_of_key(key, OF_OPERATOR, NOW, None) is not None) is is_good


def test_wait_begins_after_the_free_tries_doubles_and_ends_growing():
    longest = timedelta(seconds=60)

    def wait_s(count):
        until = decide.wait_until([NOW] * count, free=5, longest=longest)
        return None if until is None else (until - NOW).total_seconds()

    assert [wait_s(count) for count in (0, 4, 5, 6, 7, 9, 10, 1000)] == [None, None, 2, 4, 8, 32, 60, 60]


def test_wait_counts_from_the_last_failure():
    failures = [NOW - timedelta(hours=1)] * 4 + [NOW]
    assert decide.wait_until(failures, free=5, longest=timedelta(60)) == NOW + timedelta(seconds=2)


def test_log_in_ends_when_idle_and_in_the_end_however_much_it_is_used():
    rules = AccountRules(idle_s=3600, longest_s=86_400)
    assert decide.expiry(NOW, NOW, rules) == NOW + timedelta(hours=1)
    assert decide.expiry(NOW, NOW + timedelta(hours=23, minutes=30), rules) == NOW + timedelta(days=1)


def stored(status=200, request_hash="h", age_s=0):
    return decide.StoredAnswer(
        request_hash=request_hash,
        status=status,
        headers={"a": "b"},
        body="x",
        created_at=NOW - timedelta(seconds=age_s),
    )


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (stored(), Replay(status=200, headers={"a": "b"}, body="x")),
        (stored(status=0), InProgress()),
        (stored(request_hash="other"), Mismatch()),
        (stored(status=0, request_hash="other"), Mismatch()),
        (stored(status=0, age_s=121), New()),
        (stored(age_s=86_401), New()),
        (stored(request_hash="other", age_s=86_401), New()),
    ],
)
def test_repeated_request_gets_the_answer_of_the_first_while_it_is_kept(known, verdict):
    assert decide.judge_repeat(known, "h", NOW, AccountRules()) == verdict


@pytest.mark.parametrize("email", ["a@b", "amina.o+x@example.org", "ü@ü.de"])
def test_addresses_are_taken(email):
    assert decide.is_email(email)


@pytest.mark.parametrize("email", ["", "a", "@b", "a@", "a b@c", "a@b@c", "a@b\n", "x" * 65 + "@b"])
def test_what_is_no_address_is_refused(email):
    assert not decide.is_email(email)


@given(st.text())
def test_no_text_is_a_key_by_accident(text):
    assert not decide.is_key(text)

"""Contracts judged with a real hierarchy and a real responder over HTTP: valid, revoked, forged, late, dead."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from certificates.pki import DAY, NOW, Hierarchy, Holder, Responder, hierarchy, issue, responding
from ingufu.certificates.model import CertificateRules, ContractStatus, Presented, Purpose, Revocation
from ingufu.certificates.ocsp import BadAnswer, Fault
from ingufu.certificates.service import Authorities, Contracts
from ingufu.core.clock import FrozenClock
from ingufu.core.errors import InvalidInput, PartnerFailed
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database

NAME = "DE-ABC-C12345678-X"  # with hyphens and check digit; the certificate has neither
RULES = CertificateRules(allows_private=True, timeout_s=15, patience_s=30)
sqlite = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
pytestmark = sqlite


@pytest.fixture
async def responder() -> AsyncIterator[Responder]:
    async with responding() as running:
        yield running


@pytest.fixture
async def authorities(database: Database, clock: FrozenClock, ids: IdMaker) -> Authorities:
    clock.set(NOW)
    return Authorities(database, clock, ids)


@pytest.fixture
async def contracts(clock: FrozenClock, authorities: Authorities) -> Contracts:
    return Contracts(clock, authorities, RULES)


@pytest.fixture
async def tree(database: Database, authorities: Authorities, responder: Responder) -> Hierarchy:
    """A hierarchy whose root is trusted, and for which the responder answers."""
    made = hierarchy(responder=responder.url)
    responder.holders = made.below_root
    async with database.work() as work:
        await authorities.add(work, made.root.pem, Purpose.CONTRACT)
    return made


def by_chain(tree: Hierarchy, contract: str = NAME, pem: str | None = None) -> Presented:
    return Presented(contract=contract, pem=pem or tree.chain)


def by_hashes(tree: Hierarchy, url: str, algorithm: str = "SHA256") -> Presented:
    return Presented(contract=NAME, ids=tuple(one.id(url, algorithm) for one in tree.below_root))


@pytest.fixture(params=["chain", "hashes"])
def shown(request: pytest.FixtureRequest, tree: Hierarchy, responder: Responder) -> Presented:
    """A contract as stations show it: with its chain, or as hashes of what they have verified."""
    responder.signer = lambda holder: (holder.issuer, _above(holder))  # type: ignore[return-value]
    return by_chain(tree) if request.param == "chain" else by_hashes(tree, responder.url)


def _above(holder: Holder) -> tuple[Holder, ...]:
    found, issuer = [], holder.issuer
    while issuer is not None:
        found.append(issuer)
        issuer = issuer.issuer
    return tuple(found)


async def test_one_that_holds_is_accepted_and_every_certificate_was_asked_for(
    contracts: Contracts, responder: Responder, tree: Hierarchy, shown: Presented
):
    verdict = await contracts.judge(shown)
    assert (verdict.status, verdict.detail) == (ContractStatus.ACCEPTED, "")
    assert sorted(responder.asked) == sorted(one.certificate.serial_number for one in tree.below_root)


@pytest.mark.parametrize("which", ["contract", "second", "first"])
async def test_a_revoked_certificate_anywhere_revokes_the_contract(
    contracts: Contracts, responder: Responder, tree: Hierarchy, shown: Presented, which: str
):
    responder.revoked = {getattr(tree, which).certificate.serial_number}
    assert (await contracts.judge(shown)).status is ContractStatus.REVOKED


async def test_a_certificate_that_its_issuer_does_not_know_is_none(
    contracts: Contracts, responder: Responder, tree: Hierarchy, shown: Presented
):
    responder.unknown = {tree.contract.certificate.serial_number}
    assert (await contracts.judge(shown)).status is ContractStatus.NO_CERTIFICATE


@pytest.mark.parametrize(
    ("this_update", "next_update"),
    [(NOW - 9 * DAY, NOW - DAY), (NOW + DAY, NOW + 2 * DAY)],
)
async def test_an_answer_of_another_time_is_none(
    contracts: Contracts, responder: Responder, shown: Presented, this_update: Any, next_update: Any
):
    responder.this_update, responder.next_update = this_update, next_update
    verdict = await contracts.judge(shown)
    assert verdict.status is ContractStatus.CHAIN_ERROR
    assert "2026" in verdict.detail


async def test_an_answer_signed_by_a_stranger_is_forged(contracts: Contracts, responder: Responder, shown: Presented):
    stranger = issue("Stranger", is_authority=True)
    responder.signer = lambda _: (stranger, (stranger,))
    assert (await contracts.judge(shown)).status is ContractStatus.SIGNATURE_ERROR


async def test_an_answer_signed_with_another_key_under_the_issuers_name_is_forged(
    contracts: Contracts, responder: Responder, tree: Hierarchy, shown: Presented
):
    twins = {one: issue(one, is_authority=True) for one in ("MO Root", "MO Sub 1", "MO Sub 2")}

    def sign(holder: Holder) -> tuple[Holder, tuple[Holder, ...]]:
        assert holder.issuer is not None
        twin = twins[str(holder.issuer.certificate.subject.rfc4514_string()).removeprefix("CN=")]
        return twin, (twin,)

    responder.signer = sign
    assert (await contracts.judge(shown)).status is ContractStatus.SIGNATURE_ERROR


async def test_a_delegate_of_the_issuer_may_answer_and_a_leaf_of_it_may_not(
    contracts: Contracts, responder: Responder, tree: Hierarchy, shown: Presented
):
    delegates = {id(one): issue("Responder", one, signs_ocsp=True) for one in (tree.root, tree.first, tree.second)}
    responder.signer = lambda holder: (delegates[id(holder.issuer)], (delegates[id(holder.issuer)], *_above(holder)))
    assert (await contracts.judge(shown)).is_accepted
    plain = {key: issue("Contract", one.issuer) for key, one in delegates.items()}
    fresh = Contracts(contracts._clock, contracts._authorities, RULES)
    responder.signer = lambda holder: (plain[id(holder.issuer)], (plain[id(holder.issuer)], *_above(holder)))
    assert (await fresh.judge(shown)).status is ContractStatus.SIGNATURE_ERROR


async def test_an_issuer_that_only_the_answer_vouches_for_is_not_believed(
    contracts: Contracts, responder: Responder, tree: Hierarchy
):
    """A responder of a false authority brings its certificate along; the station's hashes name that authority."""
    false = issue("MO Sub 2", is_authority=True)
    contract = issue("DEABCC12345678", false, responder=responder.url)
    responder.holders = (contract, *tree.below_root)
    ids = (contract.id(responder.url), tree.second.id(responder.url), tree.first.id(responder.url))
    responder.signer = lambda holder: (holder.issuer, _above(holder))  # type: ignore[return-value]
    verdict = await contracts.judge(Presented(contract=NAME, ids=ids))
    assert verdict.status is ContractStatus.SIGNATURE_ERROR


@pytest.mark.parametrize("raw", [b"", b"<html>", b"\x30\x03\x0a\x01\x00", b"\x30\x82\xff\xff" + b"\x00" * 50])
async def test_garbage_is_no_answer(contracts: Contracts, responder: Responder, shown: Presented, raw: bytes):
    responder.raw = raw
    assert (await contracts.judge(shown)).status is ContractStatus.SIGNATURE_ERROR


async def test_an_answer_about_another_certificate_is_none(
    contracts: Contracts, responder: Responder, tree: Hierarchy, shown: Presented
):
    other = issue("DEABCC99999999", tree.second)
    holders = responder.holders
    real = responder._answer

    def swapped(body: bytes) -> bytes:
        del body
        responder.holders = (other,)
        return real(_question(other))

    responder._answer = swapped  # type: ignore[method-assign]
    assert (await contracts.judge(shown)).status is ContractStatus.SIGNATURE_ERROR
    responder.holders = holders


def _question(holder: Holder) -> bytes:
    from ingufu.certificates import ocsp

    return ocsp.request(holder.id())


@pytest.mark.parametrize("status", ["500 Broken", "404 Not Found", "302 Found", "nonsense"])
async def test_a_broken_responder_leaves_it_unchecked(
    contracts: Contracts, responder: Responder, shown: Presented, status: str
):
    responder.status = status
    assert (await contracts.judge(shown)).status is ContractStatus.CHAIN_ERROR


async def test_a_silent_responder_is_given_up(
    clock: FrozenClock, authorities: Authorities, responder: Responder, shown: Presented
):
    responder.hangs = asyncio.Event()
    hasty = Contracts(clock, authorities, CertificateRules(allows_private=True, timeout_s=0.2, patience_s=30))
    verdict = await hasty.judge(shown)
    assert (verdict.status, "within 0.2 s" in verdict.detail) == (ContractStatus.CHAIN_ERROR, True)
    impatient = Contracts(clock, authorities, CertificateRules(allows_private=True, timeout_s=30, patience_s=0.2))
    verdict = await impatient.judge(shown)
    assert (verdict.status, verdict.detail) == (ContractStatus.CHAIN_ERROR, "The responders took too long.")


async def test_a_dead_responder_refuses_unless_the_settings_say_otherwise(
    clock: FrozenClock, authorities: Authorities, tree: Hierarchy
):
    dead = "http://127.0.0.1:9/"
    shown = by_hashes(tree, dead)
    for accepts, status in ((False, ContractStatus.CHAIN_ERROR), (True, ContractStatus.ACCEPTED)):
        rules = CertificateRules(allows_private=True, accepts_unchecked=accepts)
        verdict = await Contracts(clock, authorities, rules).judge(shown)
        assert verdict.status is status
        assert "127.0.0.1 cannot be asked" in verdict.detail


async def test_private_networks_are_not_asked(
    clock: FrozenClock, authorities: Authorities, responder: Responder, shown: Presented
):
    verdict = await Contracts(clock, authorities, CertificateRules()).judge(shown)
    assert verdict.status is ContractStatus.CHAIN_ERROR
    assert "private network" in verdict.detail
    assert responder.asked == []


async def test_an_answer_is_asked_for_once_until_it_is_due(
    contracts: Contracts, clock: FrozenClock, responder: Responder, shown: Presented
):
    assert all(one.is_accepted for one in await asyncio.gather(*(contracts.judge(shown) for _ in range(20))))
    assert len(responder.asked) == 3
    clock.advance((DAY + timedelta(minutes=1)).total_seconds())
    responder.next_update = NOW + 3 * DAY
    assert (await contracts.judge(shown)).is_accepted
    assert len(responder.asked) == 6


@pytest.mark.parametrize("algorithm", ["SHA384", "SHA512"])
async def test_every_algorithm_of_the_standard_is_understood(
    contracts: Contracts, responder: Responder, tree: Hierarchy, algorithm: str
):
    responder.signer = lambda holder: (holder.issuer, _above(holder))  # type: ignore[return-value]
    assert (await contracts.judge(by_hashes(tree, responder.url, algorithm))).is_accepted


async def test_a_chunked_answer_is_read(contracts: Contracts, responder: Responder, shown: Presented):
    responder.is_chunked = True
    assert (await contracts.judge(shown)).is_accepted


# The chain itself


async def test_the_order_of_a_chain_does_not_matter_and_the_root_may_stand_in_it(contracts: Contracts, tree: Hierarchy):
    for pem in (
        tree.first.pem + tree.contract.pem + tree.second.pem,
        tree.root.pem + tree.chain,
    ):
        assert (await contracts.judge(by_chain(tree, pem=pem))).is_accepted


async def test_a_chain_below_an_authority_that_is_not_trusted_is_none(
    contracts: Contracts, responder: Responder, tree: Hierarchy
):
    other = hierarchy(responder=responder.url)
    verdict = await contracts.judge(by_chain(other))
    assert verdict.status is ContractStatus.SIGNATURE_ERROR  # it bears the name of ours, and not its key
    stranger = issue("Stranger", is_authority=True)
    leaf = issue("DEABCC12345678", stranger)
    verdict = await contracts.judge(Presented(contract=NAME, pem=leaf.pem + stranger.pem))
    assert (verdict.status, "is not known here" in verdict.detail) == (ContractStatus.CHAIN_ERROR, True)
    ids = (leaf.id(responder.url),)
    assert (await contracts.judge(Presented(contract=NAME, ids=ids))).status is ContractStatus.CHAIN_ERROR
    assert responder.asked == []


@pytest.mark.parametrize(("begins", "ends"), [(NOW - 3 * DAY, NOW - DAY), (NOW + DAY, NOW + 2 * DAY)])
async def test_a_certificate_out_of_its_time_is_expired(
    contracts: Contracts, responder: Responder, tree: Hierarchy, begins: Any, ends: Any
):
    leaf = issue("DEABCC12345678", tree.second, responder=responder.url, begins=begins, ends=ends)
    pem = leaf.pem + tree.second.pem + tree.first.pem
    assert (await contracts.judge(by_chain(tree, pem=pem))).status is ContractStatus.EXPIRED


async def test_a_certificate_of_another_contract_is_refused(contracts: Contracts, tree: Hierarchy):
    verdict = await contracts.judge(by_chain(tree, contract="DEABCC87654321"))
    assert (verdict.status, verdict.detail) == (ContractStatus.CHAIN_ERROR, "The certificate is of another contract.")


async def test_a_contract_signs_no_other(contracts: Contracts, responder: Responder, tree: Hierarchy):
    forged = issue("DEABCC12345678", tree.contract, responder=responder.url)
    pem = forged.pem + tree.chain
    assert (await contracts.judge(by_chain(tree, pem=pem))).status is ContractStatus.CHAIN_ERROR  # two leaves
    key_thief = issue("DEABCC12345678", tree.second, signer=tree.contract, responder=responder.url)
    pem = key_thief.pem + tree.second.pem + tree.first.pem
    assert (await contracts.judge(by_chain(tree, pem=pem))).status is ContractStatus.SIGNATURE_ERROR


async def test_an_authority_stands_no_higher_than_it_may(
    database: Database, contracts: Contracts, authorities: Authorities
):
    root = issue("Low Root", is_authority=True, path_length=0)
    first = issue("Low Sub", root, is_authority=True)
    leaf = issue("DEABCC12345678", first)
    async with database.work() as work:
        await authorities.add(work, root.pem, Purpose.CONTRACT)
    verdict = await contracts.judge(Presented(contract=NAME, pem=leaf.pem + first.pem))
    assert (verdict.status, "so high" in verdict.detail) == (ContractStatus.CHAIN_ERROR, True)


@pytest.mark.parametrize("pem", ["x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "Ü" * 30_000])
async def test_what_is_no_chain_is_refused(contracts: Contracts, pem: str):
    assert (await contracts.judge(Presented(contract=NAME, pem=pem))).status is ContractStatus.CHAIN_ERROR


async def test_nothing_shown_is_nothing_available(contracts: Contracts):
    assert (await contracts.judge(Presented(contract=NAME))).status is ContractStatus.NO_CERTIFICATE


async def test_v2g_authorities_vouch_for_no_contract(
    database: Database, contracts: Contracts, authorities: Authorities, responder: Responder
):
    tree = hierarchy(responder=responder.url)
    responder.holders = tree.below_root
    async with database.work() as work:
        await authorities.add(work, tree.root.pem, Purpose.V2G)
    assert (await contracts.judge(by_chain(tree))).status is ContractStatus.CHAIN_ERROR


# What is handed on to vehicles


async def test_an_answer_is_handed_on_as_it_came(contracts: Contracts, responder: Responder):
    tree = hierarchy(responder=responder.url)  # of which no authority is known here
    responder.holders = tree.below_root
    answer = await contracts.status(tree.contract.id(responder.url))
    loaded = x509.ocsp.load_der_ocsp_response(answer.der)
    assert loaded.serial_number == tree.contract.certificate.serial_number


async def test_a_forged_answer_under_an_authority_of_ours_is_not_handed_on(
    contracts: Contracts, responder: Responder, tree: Hierarchy
):
    stranger = issue("Stranger", is_authority=True)
    responder.signer = lambda _: (stranger, (stranger,))
    with pytest.raises(BadAnswer) as refusal:
        await contracts.status(tree.first.id(responder.url))
    assert refusal.value.fault is Fault.WRONG_SIGNER


async def test_a_revocation_list_is_read_if_its_issuer_signed_it(
    contracts: Contracts, responder: Responder, tree: Hierarchy
):
    def listing(signer: Holder) -> bytes:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(tree.first.certificate.serial_number)
            .revocation_date(NOW - DAY)
            .build()
        )
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(tree.root.certificate.subject)
            .last_update(NOW - DAY)
            .next_update(NOW + DAY)
            .add_revoked_certificate(entry)
        )
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    responder.crl = listing(tree.root)
    answer = await contracts.listed(tree.first.id(), responder.url)
    assert (answer.status, answer.next_update) == (Revocation.REVOKED, NOW + DAY)
    good = issue("Other", tree.root)
    assert (await contracts.listed(good.id(), responder.url)).status is Revocation.GOOD
    for forged in (listing(tree.first), b"no list"):
        responder.crl = forged
        with pytest.raises(BadAnswer):
            await contracts.listed(tree.first.id(), responder.url)


@pytest.mark.parametrize(
    "url",
    ["", "ftp://127.0.0.1/", "file:///etc/passwd", "http://user@127.0.0.1/", "http://127.0.0.1:0/", "http://a b/",
     "http://127.0.0.1:99999/", "http://x\r\nHost: y/", "//127.0.0.1"],
)  # fmt: skip
async def test_an_address_that_is_none_is_not_asked(contracts: Contracts, tree: Hierarchy, url: str):
    with pytest.raises(PartnerFailed):
        await contracts.status(tree.contract.id(url))


# What is trusted


async def test_a_bundle_is_entered_once(database: Database, authorities: Authorities):
    tree = hierarchy()
    bundle = tree.root.pem + tree.first.pem + tree.root.pem
    async with database.work() as work:
        entered = await authorities.add(work, bundle, Purpose.CONTRACT, note="test")
    assert [(one.is_root, one.name) for one in entered] == [(True, "CN=MO Root"), (False, "CN=MO Sub 1")]
    async with database.work() as work:
        again = await authorities.add(work, bundle, Purpose.CONTRACT)
    assert [one.id for one in again] == [one.id for one in entered]
    async with database.work() as work:
        await authorities.remove(work, entered[0].id)
    assert [one.id for one in await authorities.all()] == [entered[1].id]


@pytest.mark.parametrize("pem", ["", "no certificate", "leaf"])
async def test_what_is_no_authority_is_not_entered(database: Database, authorities: Authorities, pem: str):
    text = hierarchy().contract.pem if pem == "leaf" else pem
    with pytest.raises(InvalidInput):
        async with database.work() as work:
            await authorities.add(work, text, Purpose.CONTRACT)


async def test_what_the_operator_entered_helps_where_stations_send_hashes_alone(
    database: Database, contracts: Contracts, authorities: Authorities, responder: Responder, tree: Hierarchy
):
    def delegate(holder: Holder) -> Holder:
        return issue("Responder", holder.issuer, signs_ocsp=True)

    responder.signer = lambda holder: (one := delegate(holder), (one,))  # brings no issuer along
    shown = by_hashes(tree, responder.url)
    assert (await contracts.judge(shown)).status is ContractStatus.SIGNATURE_ERROR
    async with database.work() as work:
        await authorities.add(work, tree.first.pem + tree.second.pem, Purpose.CONTRACT)
    assert (await contracts.judge(shown)).is_accepted

"""Plug & Charge: contract certificates, checked in truth with their responders."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from certificates.pki import Hierarchy, Responder, hierarchy, responding
from conformance.bench import Bench
from conformance.cases import case

TWO = ("2.0.1", "2.1")
EMAID = "DEABCC12345678"


@pytest.fixture
async def responder() -> AsyncIterator[Responder]:
    async with responding() as running:
        yield running


@pytest.fixture
async def tree(bench: Bench, responder: Responder) -> Hierarchy:
    """A contract below two authorities whose root is trusted, and its token."""
    made = hierarchy(responder=responder.url)
    responder.holders = made.below_root
    responder.signer = lambda holder: (holder.issuer, (made.first, made.second))
    await bench.post("/authorities", {"pem": made.root.pem})
    await bench.token(EMAID, kind="eMAID")
    await bench.add_station()
    return made


def numbers(tree: Hierarchy) -> Iterator[int]:
    for one in tree.below_root:
        yield one.certificate.serial_number


async def authorize(bench: Bench, **shown: Any) -> tuple[str, str]:
    """Return what is said of the certificate, and of the token."""
    async with bench.connected() as station:
        told = await station.get("Authorize", {"idToken": {"idToken": EMAID, "type": "eMAID"}} | shown)
    return told["certificateStatus"], told["idTokenInfo"]["status"]


@case("TC_C_50", "The hashes of a contract's certificates are asked about at their responders: all good", *TWO)
async def test_tc_c_50_hashes(bench: Bench, responder: Responder, tree: Hierarchy):
    hashes = [one.hash_data(responder.url) for one in tree.below_root]
    assert len(hashes) >= 2  # with an authority between
    assert await authorize(bench, iso15118CertificateHashData=hashes) == ("Accepted", "Accepted")
    assert len(responder.asked) == len(hashes)


@case("TC_C_51", "A contract that its responder tells to be revoked is refused", *TWO)
async def test_tc_c_51_revoked(bench: Bench, responder: Responder, tree: Hierarchy):
    responder.revoked = {next(numbers(tree))} | {tree.contract.certificate.serial_number}
    hashes = [one.hash_data(responder.url) for one in tree.below_root]
    assert await authorize(bench, iso15118CertificateHashData=hashes) == ("CertificateRevoked", "Invalid")


@case("TC_C_52", "A contract is checked by us: its chain up to a root we trust, and each certificate's responder", *TWO)
async def test_tc_c_52_chain(bench: Bench, responder: Responder, tree: Hierarchy):
    assert await authorize(bench, certificate=tree.chain) == ("Accepted", "Accepted")
    assert len(responder.asked) == len(tree.below_root)

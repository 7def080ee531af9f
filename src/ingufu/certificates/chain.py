"""The way from a certificate to an authority that is trusted. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID

from ingufu.certificates import keys
from ingufu.certificates.model import ContractStatus, ContractVerdict

DEPTH_MAX = 5  # authorities above a leaf; ISO 15118 knows three
CHAIN_MAX = 8  # certificates in what a station sends
PEM_MAX = 20_000  # characters; OCPP 2.1 carries 10 000


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate with those above it, the trusted one last."""

    certificates: tuple[x509.Certificate, ...]


class _Dead(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no way."""

    verdict: ContractVerdict
    rank: int  # how much it tells: a broken signature more than an authority that is not known


def read_chain(pem: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM text, the leaf first. Raises ValueError if there is none, or too many."""
    if len(pem) > PEM_MAX:
        raise ValueError("The chain is too long.")
    found = x509.load_pem_x509_certificates(pem.encode("ascii", "replace"))
    if len(found) > CHAIN_MAX:
        raise ValueError("The chain has too many certificates.")
    leaves = [one for one in found if not is_authority(one)]
    if len(leaves) != 1:
        raise ValueError("A chain has one certificate that is no authority.")
    return [leaves[0], *(one for one in found if one is not leaves[0])]


def common_name(certificate: x509.Certificate) -> str:
    """Return the common name of whom the certificate is for; empty if it has none."""
    named = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(named[0].value) if named else ""


def is_authority(certificate: x509.Certificate) -> bool:
    """Return whether the certificate may sign others."""
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return False
    return bool(basic.ca) and _may_sign(certificate)


def find_path(
    leaf: x509.Certificate,
    between: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    now: datetime,
) -> Path | ContractVerdict:
    """Return the way from a leaf through certificates `between` to an anchor, or why there is none (RFC 5280 6)."""
    found = _climb((leaf,), between, anchors, now)
    return found if isinstance(found, Path) else found.verdict


def _climb(
    climbed: tuple[x509.Certificate, ...],
    between: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    now: datetime,
) -> Path | _Dead:
    top = climbed[-1]
    if not keys.is_valid_at(top, now):
        return _dead(ContractStatus.EXPIRED, f"{_named(top)} is valid from {top.not_valid_before_utc:%Y-%m-%d} "
                     f"to {top.not_valid_after_utc:%Y-%m-%d}.", 3)  # fmt: skip
    if len(climbed) > 1 and any(top == anchor for anchor in anchors):
        return Path(certificates=climbed)
    if len(climbed) > DEPTH_MAX:
        return _dead(ContractStatus.CHAIN_ERROR, "The chain is too long.", 1)
    best = _dead(ContractStatus.CHAIN_ERROR, f"The issuer of {_named(top)} is not known here.", 0)
    for issuer in (*anchors, *between):
        if issuer.subject != top.issuer or issuer in climbed:
            continue
        step = _step(top, issuer, climbed)
        outcome = _climb((*climbed, issuer), between, anchors, now) if step is None else step
        if isinstance(outcome, Path):
            return outcome
        best = outcome if outcome.rank > best.rank else best
    return best


def _step(
    certificate: x509.Certificate, issuer: x509.Certificate, climbed: tuple[x509.Certificate, ...]
) -> _Dead | None:
    """Return why the issuer may not stand above what was climbed, None if it may."""
    if not is_authority(issuer):
        return _dead(ContractStatus.CHAIN_ERROR, f"{_named(issuer)} is no authority.", 1)
    if not keys.is_issued_by(certificate, issuer):
        return _dead(ContractStatus.SIGNATURE_ERROR, f"{_named(issuer)} has not signed {_named(certificate)}.", 2)
    limit = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    if limit is not None and len(climbed) - 1 > limit:
        return _dead(ContractStatus.CHAIN_ERROR, f"{_named(issuer)} may not stand so high.", 1)
    return None


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign)
    except x509.ExtensionNotFound:
        return True


def _dead(status: ContractStatus, detail: str, rank: int) -> _Dead:
    return _Dead(verdict=ContractVerdict(status=status, detail=detail[:300]), rank=rank)


def _named(certificate: x509.Certificate) -> str:
    return repr((common_name(certificate) or certificate.subject.rfc4514_string())[:80])

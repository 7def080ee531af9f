"""Whether the certificate of a contract holds: the way to a trusted authority, and revocation (OCPP 2.x C07, M06)."""

import asyncio
import itertools
from collections.abc import Sequence

from cryptography import x509

from ingufu.certificates import chain, keys, ocsp
from ingufu.certificates.model import (
    CertificateId,
    CertificateRules,
    ContractStatus,
    ContractVerdict,
    Presented,
    Purpose,
    Revocation,
    RevocationAnswer,
    contract_key,
)
from ingufu.certificates.ocsp import BadAnswer, Fault
from ingufu.certificates.service.authorities import Authorities
from ingufu.certificates.service.revocation import Responders
from ingufu.core.clock import Clock
from ingufu.core.errors import PartnerFailed

_FORGED = frozenset({Fault.GARBAGE, Fault.WRONG_SIGNER, Fault.ANOTHER})
_GOOD = ContractVerdict(status=ContractStatus.ACCEPTED)
_GRAVITY = (
    ContractStatus.REVOKED,
    ContractStatus.SIGNATURE_ERROR,
    ContractStatus.NO_CERTIFICATE,
    ContractStatus.CHAIN_ERROR,
    ContractStatus.ACCEPTED,
)


class Contracts:
    """Judges what stations show of contracts. Nothing is written; all that is asked of others is bounded."""

    def __init__(
        self,
        clock: Clock,
        authorities: Authorities,
        rules: CertificateRules = CertificateRules(),  # noqa: B008 - frozen
    ) -> None:
        self._clock = clock
        self._authorities = authorities
        self._rules = rules
        self._responders = Responders(clock, rules)

    async def judge(self, presented: Presented) -> ContractVerdict:
        """Return whether the certificate of a contract holds. It never raises for what others do."""
        try:
            async with asyncio.timeout(self._rules.patience_s):
                return await self._judge(presented)
        except TimeoutError:
            return self._unchecked("The responders took too long.")

    async def status(self, id_: CertificateId) -> RevocationAnswer:
        """Return a responder's answer as it came, for a vehicle to verify (2.x M06). Raises BadAnswer, PartnerFailed.

        Where the issuer is an authority of ours, the answer is verified here too.
        """
        anchors, between = await self._authorities.trusted()
        return await self._responders.ask(id_, (*anchors, *between), must_be_signed=False)

    async def listed(self, id_: CertificateId, url: str) -> RevocationAnswer:
        """Return what a revocation list says of a certificate (2.1 M07). Raises BadAnswer, PartnerFailed."""
        anchors, between = await self._authorities.trusted()
        return await self._responders.look_up(id_, url, (*anchors, *between))

    async def _judge(self, presented: Presented) -> ContractVerdict:
        anchors, between = await self._authorities.trusted(Purpose.CONTRACT)
        if presented.pem is not None and presented.pem.strip():
            return await self._judge_chain(presented, presented.pem, anchors, between)
        if not presented.ids:
            return ContractVerdict(status=ContractStatus.NO_CERTIFICATE, detail="The station shows no certificate.")
        known = (*anchors, *between)
        trusted = [*anchors, *(one for one in between if self._leads_up(one, between, anchors))]
        if not any(_is_issuer(one, id_) for id_ in presented.ids for one in trusted):
            detail = "None of the certificates was issued by a trusted authority."
            return ContractVerdict(status=ContractStatus.CHAIN_ERROR, detail=detail)
        return await self._judge_all(presented.ids, known)

    async def _judge_chain(
        self,
        presented: Presented,
        pem: str,
        anchors: Sequence[x509.Certificate],
        between: Sequence[x509.Certificate],
    ) -> ContractVerdict:
        try:
            leaf, *others = chain.read_chain(pem)
            path = chain.find_path(leaf, (*others, *between), anchors, self._clock.now())
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
            return ContractVerdict(status=ContractStatus.CHAIN_ERROR, detail=f"The chain cannot be used: {error}"[:300])
        if isinstance(path, ContractVerdict):
            return path
        if contract_key(chain.common_name(leaf)) != contract_key(presented.contract):
            return ContractVerdict(status=ContractStatus.CHAIN_ERROR, detail="The certificate is of another contract.")
        given = {
            int(id_.serial_number, 16): id_.responder_url for id_ in presented.ids if _is_number(id_.serial_number)
        }
        steps = path.certificates
        ids = [
            keys.id_of(one, issuer, ocsp.responder_of(one) or given.get(one.serial_number, ""))
            for one, issuer in itertools.pairwise(steps)
        ]
        return await self._judge_all(ids, (*steps[1:], *anchors, *between))

    def _leads_up(
        self, one: x509.Certificate, between: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
    ) -> bool:
        return isinstance(chain.find_path(one, between, anchors, self._clock.now()), chain.Path)

    async def _judge_all(self, ids: Sequence[CertificateId], known: Sequence[x509.Certificate]) -> ContractVerdict:
        found = await asyncio.gather(*(self._judge_one(id_, known) for id_ in ids))
        return min(found, key=lambda verdict: _GRAVITY.index(verdict.status), default=_GOOD)

    async def _judge_one(self, id_: CertificateId, known: Sequence[x509.Certificate]) -> ContractVerdict:
        if not id_.responder_url:
            return self._unchecked(f"No responder is named for the certificate {id_.serial_number}.")
        try:
            answer = await self._responders.ask(id_, known)
        except BadAnswer as error:
            if error.fault in _FORGED:
                return ContractVerdict(status=ContractStatus.SIGNATURE_ERROR, detail=str(error))
            return self._unchecked(str(error))
        except PartnerFailed as error:
            return self._unchecked(error.message)
        if answer.status is Revocation.REVOKED:
            detail = f"The certificate {id_.serial_number} is revoked."
            return ContractVerdict(status=ContractStatus.REVOKED, detail=detail)
        if answer.status is Revocation.UNKNOWN:
            detail = f"The responder does not know the certificate {id_.serial_number}."
            return ContractVerdict(status=ContractStatus.NO_CERTIFICATE, detail=detail)
        return _GOOD

    def _unchecked(self, why: str) -> ContractVerdict:
        if self._rules.accepts_unchecked:
            return ContractVerdict(status=ContractStatus.ACCEPTED, detail=why)
        return ContractVerdict(status=ContractStatus.CHAIN_ERROR, detail=why)


def _is_issuer(authority: x509.Certificate, id_: CertificateId) -> bool:
    return id_.algorithm in keys.ALGORITHMS and keys.is_issuer(authority, id_)


def _is_number(text: str) -> bool:
    try:
        int(text, 16)
    except ValueError:
        return False
    return True

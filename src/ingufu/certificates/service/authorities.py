"""The authorities that the operator trusts."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ingufu.certificates import chain, keys, store
from ingufu.certificates.events import AuthorityAdded, AuthorityRemoved
from ingufu.certificates.model import Authority, Purpose
from ingufu.core.clock import Clock
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work

PEM_MAX = 500_000  # characters of what is imported at once
AT_ONCE = 100
NOTE_MAX = 400


class Authorities:
    """Reads and changes what is trusted."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._parsed: dict[str, x509.Certificate] = {}

    async def all(self) -> list[Authority]:
        """Return every authority, by name."""
        return await store.find_all(self._database)

    async def get(self, authority_id: str) -> Authority:
        """Return the authority. Raises NotFound."""
        found = await store.find(self._database, authority_id)
        if found is None:
            raise NotFound("There is no such authority.")
        return found

    async def add(self, work: Work, pem: str, purpose: Purpose, *, note: str = "") -> list[Authority]:
        """Trust the authorities of a PEM text; those that are known already stay as they are.

        A certificate that has signed itself is an anchor; another is one on the way to an anchor. Raises InvalidInput.
        """
        found = _read(pem)
        entered: list[Authority] = []
        for certificate in found:
            authority = self._describe(certificate, purpose, plain(note.strip(), NOTE_MAX))
            if any(one.fingerprint == authority.fingerprint for one in entered):
                continue
            known = await store.find_by_fingerprint(self._database, authority.fingerprint)
            if known is not None:
                entered.append(known)
                continue
            store.add(work, authority)
            work.emit(
                AuthorityAdded(
                    occurred_at=authority.created_at,
                    authority_id=authority.id,
                    name=authority.name,
                    fingerprint=authority.fingerprint,
                )
            )
            entered.append(authority)
        return entered

    async def remove(self, work: Work, authority_id: str) -> None:
        """Trust an authority no longer. Raises NotFound."""
        found = await self.get(authority_id)
        store.remove(work, authority_id)
        work.emit(
            AuthorityRemoved(
                occurred_at=self._clock.now(),
                authority_id=found.id,
                name=found.name,
                fingerprint=found.fingerprint,
            )
        )

    async def trusted(self, purpose: Purpose | None = None) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
        """Return the anchors for a purpose (None: for any), and the other authorities on the way to them."""
        chosen = [one for one in await self.all() if purpose is None or one.purpose is purpose]
        return self._certificates(chosen, is_root=True), self._certificates(chosen, is_root=False)

    def _certificates(self, chosen: Sequence[Authority], *, is_root: bool) -> list[x509.Certificate]:
        found: list[x509.Certificate] = []
        for one in chosen:
            if one.is_root is is_root:
                if one.fingerprint not in self._parsed:
                    self._parsed[one.fingerprint] = x509.load_pem_x509_certificate(one.pem.encode())
                found.append(self._parsed[one.fingerprint])
        return found

    def _describe(self, certificate: x509.Certificate, purpose: Purpose, note: str) -> Authority:
        return Authority(
            id=self._ids.new(),
            purpose=purpose,
            is_root=certificate.subject == certificate.issuer and keys.is_issued_by(certificate, certificate),
            name=plain(certificate.subject.rfc4514_string(), 400),
            issuer=plain(certificate.issuer.rfc4514_string(), 400),
            serial_number=f"{certificate.serial_number:x}",
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            valid_from=certificate.not_valid_before_utc,
            expires_at=certificate.not_valid_after_utc,
            pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
            note=note,
            created_at=self._clock.now(),
        )


def _read(pem: str) -> list[x509.Certificate]:
    if len(pem) > PEM_MAX:
        raise InvalidInput("That is too much at once.", field="pem")
    try:
        found = x509.load_pem_x509_certificates(pem.encode("ascii", "replace"))
        strangers = [one for one in found if not chain.is_authority(one)]
        for one in found:
            keys.key_bits(one)
    except ValueError as error:
        raise InvalidInput("There is no certificate in PEM form that can be read.", field="pem") from error
    if len(found) > AT_ONCE:
        raise InvalidInput(f"At most {AT_ONCE} certificates can be entered at once.", field="pem")
    if strangers:
        named = chain.common_name(strangers[0]) or strangers[0].subject.rfc4514_string()
        raise InvalidInput(f"{named[:100]!r} is no authority: it may not sign certificates.", field="pem")
    return found

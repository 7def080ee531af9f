"""Certificates: the authorities that are trusted, and whether a contract's certificate holds."""

from ingufu.certificates.service.authorities import Authorities
from ingufu.certificates.service.contracts import Contracts

__all__ = ["Authorities", "Contracts"]

"""Tariffs in the forms of others: OCPI for partners, OCPP 2.1 for stations. What a form cannot hold is refused."""

from ingufu.tariffs.conversion.refusals import Converted, Note, Refusal, Refused

__all__ = ["Converted", "Note", "Refusal", "Refused"]

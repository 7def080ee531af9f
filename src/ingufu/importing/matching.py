"""Which column of a file is which of ours: people write their headings in their own words and languages. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

from ingufu.importing.columns import COLUMNS
from ingufu.importing.model import Kind

_NAMES = "name, nom, nom complet, full name, driver name, driver, customer, vollstandiger name, fahrer, fahrername, nombre, nombre completo, nome, jina, jina kamili, izina, amazina, conducteur, conductor, condutor, dereva, umushoferi, employee, chauffeur"  # noqa: E501
_EMAIL = "email, e mail, mail, email address, e mail address, adresse mail, adresse e mail, adresse email, courriel, e mail adresse, correo, correo electronico, endereco de email, barua pepe, imeyili, imeri, driver email"  # noqa: E501
_NOTES = "note, notes, comment, comments, remark, remarks, commentaire, remarque, bemerkung, notiz, anmerkung, nota, observaciones, observacao, maelezo, description, icyitonderwa, label"  # noqa: E501
_LANGUAGES = "language, lang, langue, sprache, idioma, lugha, ururimi, locale"
_BLOCKED = (
    "is blocked, blocked, block, bloque, bloquee, gesperrt, bloqueado, bloqueada, imezuiwa, yafunzwe, disabled, locked"
)
_REASONS = "block reason, reason, raison, motif, grund, motivo, razon, sababu, impamvu"

# The first of each is how people would write ours; accents, case and marks between words do not matter.
_WORDS: Mapping[Kind, Mapping[str, str]] = MappingProxyType(
    {
        Kind.TOKENS: {
            "value": "value, card, card number, card no, card id, cardnumber, number, rfid, rfid number, "
            "rfid uid, tag, "
            "tag id, id tag, idtag, id token, token, uid, nfc, badge, numero de carte, numero carte, no carte, carte, "
            "numero de badge, numero, kartennummer, karten nr, karte, ausweis, ladekarte, tarjeta, numero de tarjeta, "
            "cartao, numero do cartao, kadi, nambari ya kadi, ikarita, nimero y ikarita, contract id, emaid, evco id",
            "kind": "kind, type, token type, card type, type de carte, art, typ, kartentyp, tipo, aina, ubwoko",
            "group": "group, groupe, gruppe, grupo, kundi, itsinda, fleet, parent id, parent id tag, group id, team",
            "driver": f"{_NAMES}, {_EMAIL}, owner, holder, card holder, titulaire, inhaber, titular, mmiliki, nyirayo",
            "valid_from": "valid from, from, start, start date, valide du, valable du, du, gultig ab, ab, "
            "valido desde, "
            "desde, kuanzia, kuva",
            "expires_at": "expires at, expires, expiry, expiry date, expiration, expiration date, valid until, until, "
            "valid to, date d expiration, expire le, valable jusqu au, jusqu au, gultig bis, ablaufdatum, ablauf, "
            "caducidad, vence, valido hasta, validade, mwisho, inaisha, kugeza, irangira",
            "concurrent_limit": "concurrent limit, sessions at once, limit, limite, max sessions, sessions simultanees",
            "language": _LANGUAGES,
            "note": _NOTES,
            "is_blocked": _BLOCKED,
            "block_reason": _REASONS,
        },
        Kind.DRIVERS: {
            "name": _NAMES,
            "email": _EMAIL,
            "phone": "phone, telephone, phone number, telephone number, mobile, mobile number, cell, tel, gsm, "
            "portable, "
            "numero de telephone, telefon, telefonnummer, handy, telefono, movil, telefone, celular, simu, nambari ya "
            "simu, telefoni, nimero ya telefoni",
            "language": _LANGUAGES,
            "note": _NOTES,
            "plan": "plan, subscription, tariff plan, abonnement, vertrag, suscripcion, assinatura, mpango, "
            "ifatabuguzi",
            "is_blocked": _BLOCKED,
            "block_reason": _REASONS,
        },
        Kind.GROUPS: {
            "value": "value, group, group id, id, code, parent id, parent id tag, groupe, gruppe, grupo, kundi, "
            "itsinda",
            "name": "name, group name, label, nom, nom du groupe, gruppenname, bezeichnung, nombre, nome, jina, izina",
            "is_master_pass": "is master pass, master pass, master, masterpass, passe partout, hauptkarte",
        },
    }
)


def plain_heading(text: str) -> str:
    """Return a heading without what does not matter: accents, case, and the marks between its words."""
    parted = unicodedata.normalize("NFKD", text)
    letters = "".join(sign for sign in parted if not unicodedata.combining(sign)).casefold()
    return " ".join(re.findall(r"[a-z0-9]+", letters))


def match_headings(kind: Kind, headings: Sequence[str]) -> tuple[str | None, ...]:
    """Return our column for each heading, None for those that are not known; no column is taken twice.

    Our own names win over words that could mean them, and of two such the one whose word stands first in our list.
    """
    plain = [plain_heading(heading) for heading in headings]
    words = _words_of(kind)
    found: list[str | None] = [None] * len(plain)
    ranked = sorted((words[name][1], place) for place, name in enumerate(plain) if name in words)
    taken: set[str] = set()
    for _, place in ranked:
        column = words[plain[place]][0]
        if column not in taken:
            taken.add(column)
            found[place] = column
    return tuple(found)


def nearest(name: str, kind: Kind) -> str:
    """Return the column that a heading was perhaps meant to be; empty if none is like it."""
    words = _words_of(kind)
    close = get_close_matches(plain_heading(name), list(words), 1)
    return words[close[0]][0] if close else ""


def guess_kind(headings: Sequence[str]) -> Kind:
    """Return what the rows of a file most likely are, by its headings: cards unless they fit something else better."""
    kinds = (Kind.TOKENS, Kind.DRIVERS, Kind.GROUPS)
    return max(kinds, key=lambda kind: _fit(kind, headings))


def _fit(kind: Kind, headings: Sequence[str]) -> tuple[bool, int, bool]:
    found = [column for column in match_headings(kind, headings) if column is not None]
    has_key = all(column.name in found for column in COLUMNS[kind] if column.is_key)
    return has_key, len(found) - found.count("id"), kind is Kind.TOKENS  # ours: every list that was exported has it


def _words_of(kind: Kind) -> Mapping[str, tuple[str, int]]:
    """Return our column by every word for it, with how well the word fits: 0 is our own name."""
    found: dict[str, tuple[str, int]] = {plain_heading(column.name): (column.name, 0) for column in COLUMNS[kind]}
    for column, words in _WORDS.get(kind, {}).items():
        for rank, word in enumerate(words.split(", "), 1):
            found.setdefault(plain_heading(word), (column, rank))
    return found

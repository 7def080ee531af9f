"""An identity provider, asked over HTTP: discovery, the exchange of a code, and the check of what it signed.

OpenID Connect Core 1.0 (3.1), Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (who answered).
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from ingufu.accounts.sign_in.model import Claims, Provider
from ingufu.core.clock import Clock
from ingufu.core.errors import PartnerFailed, Unauthenticated
from ingufu.infra.http import FetchRules, fetch

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_KEPT_S = 3600.0  # of what the provider says of itself
_AGAIN_S = 30.0  # so often at most its keys are read anew, for one that is not known
_SKEW_S = 60
_OLDEST_S = 600  # an ID token is for now
_TEXT_LONGEST = 300
_WRONG = "The identity provider's answer is not right."

StructT = TypeVar("StructT", bound=msgspec.Struct)
Key = RSAKey | ECKey | OKPKey


class _Metadata(msgspec.Struct, frozen=True, kw_only=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True, kw_only=True):
    id_token: str


class _Keys(msgspec.Struct, frozen=True, kw_only=True):
    keys: tuple[dict[str, Any], ...] = ()


class IdentityProvider:
    """What it says of itself is kept for an hour; its keys are read again when it signs with another one."""

    def __init__(self, provider: Provider, clock: Clock, rules: FetchRules) -> None:
        self.provider = provider
        self._clock = clock
        self._rules = rules
        self._metadata: tuple[float, _Metadata] | None = None
        self._keys: tuple[float, tuple[dict[str, Any], ...]] | None = None

    async def address(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Return where to send the browser. Raises PartnerFailed."""
        known = await self._discovered()
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.provider.client_id,
                "redirect_uri": redirect_uri,
                "scope": " ".join(self.provider.scopes),
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
            quote_via=quote,
        )
        return known.authorization_endpoint + ("&" if "?" in known.authorization_endpoint else "?") + query

    async def claims(self, *, code: str, redirect_uri: str, nonce: str, verifier: str, issuer: str) -> Claims:
        """Return who it is by the code that the browser brought. `issuer`: who says to have answered, if it was said.

        Raises Unauthenticated for an answer that is not right, PartnerFailed if the provider cannot be asked.
        """
        known = await self._discovered()
        if issuer or known.authorization_response_iss_parameter_supported:
            _same(issuer, known.issuer)  # RFC 9207: the answer of one provider is not taken to another
        token = await self._exchange(known, code, redirect_uri, verifier)
        payload = await self._checked(known, token)
        self._judge(known, payload, nonce)
        return _claims(payload, self.provider.claim)

    async def _discovered(self) -> _Metadata:
        now_s = self._clock.monotonic()
        if self._metadata is not None and now_s - self._metadata[0] < _KEPT_S:
            return self._metadata[1]
        raw = await fetch(self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration", self._rules)
        found = _decoded(raw, _Metadata)
        if found.issuer != self.provider.issuer:  # Discovery 4.3
            raise PartnerFailed("The identity provider calls itself otherwise than the settings do.")
        for address in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            self._check_address(address)
        self._metadata = (now_s, found)
        return found

    def _check_address(self, address: str) -> None:
        scheme = urlsplit(address).scheme
        if scheme != "https" and not (scheme == "http" and self._rules.allows_private):
            raise PartnerFailed("The identity provider names an address without TLS.")

    async def _exchange(self, known: _Metadata, code: str, redirect_uri: str, verifier: str) -> str:
        provider = self.provider
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        fields |= {"code_verifier": verifier, "client_id": provider.client_id}
        authorization = ""
        if provider.client_secret:
            if "client_secret_basic" in known.token_endpoint_auth_methods_supported:  # RFC 6749 2.3.1
                pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
                authorization = "Basic " + base64.b64encode(pair.encode()).decode()
            else:
                fields["client_secret"] = provider.client_secret
        try:
            raw = await fetch(
                known.token_endpoint,
                self._rules,
                body=urlencode(fields).encode(),
                content_type="application/x-www-form-urlencoded",
                accept="application/json",
                authorization=authorization,
            )
        except PartnerFailed as error:
            raise Unauthenticated("The identity provider did not accept the log-in.") from error
        return _decoded(raw, _Tokens).id_token

    async def _checked(self, known: _Metadata, token: str) -> Mapping[str, Any]:
        """Return what the token says, once one of the provider's keys has signed it."""
        try:
            header = msgspec.json.decode(_unpadded(token.partition(".")[0]), type=dict[str, Any])
        except (ValueError, msgspec.MsgspecError) as error:
            raise Unauthenticated(_WRONG) from error
        for is_anew in (False, True):
            for key in _fitting(await self._signing_keys(known, is_anew=is_anew), header.get("kid")):
                try:
                    return jwt.decode(token, key, algorithms=_ALGORITHMS).claims
                except (JoseError, ValueError):
                    continue
        raise Unauthenticated(_WRONG)

    async def _signing_keys(self, known: _Metadata, *, is_anew: bool) -> Sequence[dict[str, Any]]:
        now_s = self._clock.monotonic()
        if self._keys is not None and now_s - self._keys[0] < (_AGAIN_S if is_anew else _KEPT_S):
            return self._keys[1]
        found = _decoded(await fetch(known.jwks_uri, self._rules), _Keys).keys[:50]
        self._keys = (now_s, found)
        return found

    def _judge(self, known: _Metadata, payload: Mapping[str, Any], nonce: str) -> None:
        """Raise Unauthenticated unless the token is of this provider, for us, of now, and of this log-in (3.1.3.7)."""
        own, now_s = self.provider.client_id, self._clock.now().timestamp()
        audience = payload.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        expires, issued = payload.get("exp"), payload.get("iat")
        _same(payload.get("iss"), known.issuer)
        is_ours = own in audiences and payload.get("azp", own) == own and (len(audiences) == 1 or "azp" in payload)
        is_dated = isinstance(expires, (int, float)) and isinstance(issued, (int, float))
        if not is_ours or not is_dated or not payload.get("sub"):
            raise Unauthenticated(_WRONG)
        if not now_s - _SKEW_S < float(expires or 0) or not -_SKEW_S <= now_s - float(issued or 0) <= _OLDEST_S:
            raise Unauthenticated("The identity provider's answer is too old. Begin anew.")
        _same(payload.get("nonce"), nonce)


def _fitting(keys: Sequence[dict[str, Any]], key_id: object) -> list[Key]:
    """Return the public keys for signatures that may have been used."""
    found: list[Key] = []
    for one in keys:
        if one.get("use", "sig") != "sig" or (key_id is not None and one.get("kid") != key_id):
            continue
        try:
            key = import_key(one)
        except (JoseError, ValueError, TypeError):
            continue
        if isinstance(key, (RSAKey, ECKey, OKPKey)):  # never a secret that anybody could sign with
            found.append(key)
    return found


def _claims(payload: Mapping[str, Any], name: str) -> Claims:
    raw = payload.get(name)
    values = raw if isinstance(raw, list) else [raw] if isinstance(raw, str) else []
    return Claims(
        issuer=str(payload["iss"]),
        subject=str(payload["sub"])[:_TEXT_LONGEST],
        email=_text(payload.get("email")),
        is_email_verified=payload.get("email_verified") in {True, "true"},
        name=_text(payload.get("name")),
        values=tuple(one for one in values[:1000] if isinstance(one, str)),
    )


def _text(value: object) -> str:
    return "".join(sign for sign in value if sign.isprintable())[:_TEXT_LONGEST] if isinstance(value, str) else ""


def _same(given: object, wanted: str) -> None:
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Unauthenticated(_WRONG)


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _decoded(raw: bytes, kind: type[StructT]) -> StructT:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise PartnerFailed("The identity provider's answer cannot be read.") from error

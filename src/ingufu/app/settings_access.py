"""The settings of how people sign in, and of the mail they get."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta


def _says(text: str, **limits: Any) -> Meta:
    return Meta(description=text, **limits)


class SignInSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people sign in."""

    second_factor_for: Annotated[
        tuple[str, ...],
        _says(
            "Roles whose people need a second factor, such as `admin`, or ids of your own; `all`: everyone. Without one"
            " they set it up."
        ),
    ] = ()
    providers: Annotated[
        str, _says("TOML file with identity providers for single sign-on (docs/how-to/sign-in.md); empty: none.")
    ] = ""
    allows_private_providers: Annotated[
        bool, _says("Whether identity providers may be in private networks, and be asked without TLS.")
    ] = False
    step_minutes: Annotated[float, _says("How long the second step of a log-in may take.", gt=0, le=60)] = 10.0
    reset_minutes: Annotated[float, _says("How long a link to reset a password is good.", gt=0, le=1440)] = 60.0
    invitation_days: Annotated[float, _says("How long an invitation is good.", gt=0, le=90)] = 7.0


class MailSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mail to people: invitations, and the way back in. Needs http.public_url, which links begin with."""

    server: Annotated[str, _says("Name of the SMTP server; empty: no mail is sent.")] = ""
    port: Annotated[int, _says("Its port; 0: 587 with STARTTLS, 465 with TLS, 25 with none.", ge=0, le=65_535)] = 0
    security: Annotated[
        str,
        _says("`starttls`, `tls` from the start, or `none` for a server nearby.", pattern="^(starttls|tls|none)$"),
    ] = "starttls"
    user: Annotated[str, _says("User name at the server; empty: none is needed.")] = ""
    password: Annotated[str, _says("Its password; better is password_file.")] = ""
    password_file: Annotated[str, _says("File that holds the password.")] = ""
    sender: Annotated[str, _says("From whom mail is, such as `Ingufu <no-reply@example.org>`.")] = ""
    timeout_s: Annotated[float, _says("How long the server may take.", gt=0, le=300)] = 20.0
    authorities: Annotated[str, _says("PEM file with the authorities of its certificate; empty: the machine's.")] = ""

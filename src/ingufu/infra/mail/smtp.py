"""One mail handed to a server by SMTP (RFC 5321, 3207, 8314)."""

import ssl
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

import aiosmtplib

from ingufu.core.errors import PartnerFailed
from ingufu.infra.mail.model import Content, MailRules, Security

_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
_PERMANENT = range(500, 600)


async def send(rules: MailRules, mail_id: str, recipient: str, content: Content, created_at: datetime) -> None:
    """Hand the mail to the server. Raises PartnerFailed, retryable unless the server refused the mail for good."""
    message = compose(rules, mail_id, recipient, content, created_at)
    try:
        await aiosmtplib.send(
            message,
            hostname=rules.server,
            port=rules.port or _PORTS[rules.security],
            username=rules.user or None,
            password=rules.password or None,
            timeout=rules.timeout_s,
            use_tls=rules.security is Security.TLS,
            start_tls=rules.security is Security.STARTTLS,
            tls_context=_context(rules),
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [one.code for one in error.recipients]
        is_final = all(code in _PERMANENT for code in codes)
        raise PartnerFailed(f"The recipient was refused ({codes[0]}).", retryable=not is_final) from error
    except aiosmtplib.SMTPAuthenticationError as error:
        raise PartnerFailed(f"The mail server refused the log-in ({error.code}).", retryable=True) from error
    except aiosmtplib.SMTPResponseException as error:
        is_final = isinstance(error, aiosmtplib.SMTPDataError) and error.code in _PERMANENT
        raise PartnerFailed(f"The mail server answered {error.code}.", retryable=not is_final) from error
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise PartnerFailed(f"The mail server cannot be asked ({type(error).__name__}).", retryable=True) from error


def compose(rules: MailRules, mail_id: str, recipient: str, content: Content, created_at: datetime) -> EmailMessage:
    """Return the message; a mail that is sent twice has one Message-ID, by which servers know it again."""
    message = EmailMessage(policy=SMTP)
    domain = parseaddr(rules.sender)[1].rpartition("@")[2] or "localhost"
    message["From"] = rules.sender
    message["To"] = recipient
    message["Subject"] = " ".join(content.subject.split())
    message["Date"] = format_datetime(created_at)
    message["Message-ID"] = f"<{mail_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer by machines
    message.set_content(content.plain)
    message.add_alternative(content.html, subtype="html")
    return message


def _context(rules: MailRules) -> ssl.SSLContext | None:
    if rules.security is Security.NONE:
        return None
    return ssl.create_default_context(cafile=rules.authorities or None)

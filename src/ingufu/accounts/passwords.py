"""Which passwords of people are refused: the short ones and those that are tried first. No rules of composition."""

MIN_LENGTH = 12
MAX_LENGTH = 1000  # a bound on the work of hashing, not on taste
_DISTINCT_MIN = 5
_SUBSTITUTES = str.maketrans("@4301!5$7", "aaeoiisst")
_ROWS = ("qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "1234567890")
_WORDS = (
    "password passwort passw0rd motdepasse contrasena senha parola wachtwoord qwerty azerty letmein welcome "
    "welcometo willkommen bienvenue admin administrator root superuser operator user test demo guest master "
    "login iloveyou changeme changeit changethis secret geheim monkey dragon sunshine princess football "
    "baseball superman batman whatever trustno starwars computer internet charging charger chargingstation "
    "station electric ingufu summer winter spring autumn january february march april june july august "
    "september october november december monday friday company default supersecret mypassword passwordpassword "
    "adminadmin testtest qwertyqwerty correcthorsebatterystaple "
)
_COMMON = frozenset(_WORDS.split())


def flaw(password: str, *, email: str = "") -> str | None:
    """Return why a person may not have this password, or None (NIST SP 800-63B 5.1.1.2)."""
    if len(password) < MIN_LENGTH:
        return f"A password has at least {MIN_LENGTH} characters."
    if len(password) > MAX_LENGTH:
        return f"A password has at most {MAX_LENGTH} characters."
    if len(set(password)) < _DISTINCT_MIN:
        return f"A password has at least {_DISTINCT_MIN} different characters."
    lowered = password.lower()
    own = {email.lower(), email.lower().partition("@")[0]} - {""}
    if _core(lowered) in own or lowered in own:
        return "A password is not the e-mail address."
    if _is_common(lowered):
        return "This password is one of those that are tried first."
    return None


def _is_common(lowered: str) -> bool:
    core = _core(lowered)
    variants = {core, core.translate(_SUBSTITUTES), _core(lowered.translate(_SUBSTITUTES))}
    return any(variant in _COMMON for variant in variants) or _is_row(lowered)


def _core(text: str) -> str:
    """Return the text without what people put before and after a word: digits and signs."""
    begin, end = 0, len(text)
    while begin < end and not text[begin].isalpha():
        begin += 1
    while end > begin and not text[end - 1].isalpha():
        end -= 1
    return text[begin:end].replace(" ", "").replace("-", "").replace("_", "")


def _is_row(lowered: str) -> bool:
    """Return whether it runs along keys or the alphabet, forwards or backwards, in pieces of at least four."""
    lines = [line * 3 for row in _ROWS for line in (row, row[::-1])]
    at = 0
    while at < len(lowered):
        longest = max(_run(lowered, at, line) for line in lines)
        if longest < min(4, len(lowered) - at):
            return False
        at += longest
    return True


def _run(text: str, at: int, line: str) -> int:
    length = 0
    while at + length < len(text) and text[at : at + length + 1] in line:
        length += 1
    return length

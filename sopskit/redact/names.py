"""Key names inside values: which may be shown, and which say that a value is a secret.

A name inside a secret value may be a secret itself: maps keyed by tokens, users of a password file. It is shown only if it
is made of a few short words, as an identifier is.
"""

from __future__ import annotations

import re

LONGEST_NAME = 40
LONGEST_WORD = 16
LONGEST_MIXED = 10  # a word with digits between its letters
MOST_DIGITS = 4
NAME = re.compile(r"[A-Za-z_.][A-Za-z0-9_./-]*")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
SEPARATOR = re.compile(r"[^A-Za-z0-9]+")
DIGIT_EDGE = re.compile(r"[0-9](?=[A-Za-z])|[A-Za-z](?=[0-9])")
MIXED = re.compile(r"[A-Za-z][0-9]+[A-Za-z]")
CONSONANTS = re.compile(r"[^aeiouy]{5}")
VOWEL = re.compile(r"[aeiouy]")
# pairs of letters that words of identifiers do not have, and random letters soon do
RARE = re.compile(
    r"b[fgkpqxz]|c[bdfgjvwxz]|d[qxz]|f[bdghjkmnpqvwxz]|g[bcfjkpqvwxz]|h[cfghjkpqvxz]|j[^aeious]|k[bcdfjqvxz]"
    r"|l[qxz]|m[fghjqvwxz]|n[xz]|p[fjqvxz]|q[^lru]|r[jqxz]|s[gjvxz]|t[jqvx]|u[jquw]|v[^aeiouylrs]|w[cfgjqvxz]"
    r"|x[bdfgjknoqrswz]|y[fghjkquvwxyz]|z[bcdfghjkmnpqrstvwx]|i[ijuwy]|a[aoq]|o[qz]"
)

# words of the trade that have such pairs
KNOWN = frozenset(
    (
        "amqp", "bigquery", "cfg", "dockerconfigjson", "fqdn", "gcp", "gcr", "gcs", "ghcr", "gke", "grpc", "hmac", "https", "jdbc", "jwk", "jwks",
        "jwt", "kafka", "mq", "mqtt", "nginx", "offgrid", "pgbouncer", "pkcs", "rabbitmq", "sso", "svc", "vnc", "vpc", "vpn",
        "xml", "xmpp", "zmq",
    )
)  # fmt: skip
# what the name of a secret ends in; joined words are found in their joined form
SECRET_ENDS = (
    "password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "apikey", "accesskey", "secretkey",
    "privatekey", "signingkey", "encryptionkey", "masterkey", "authkey", "accountkey", "licensekey", "credential",
    "credentials", "creds", "bearer",
)  # fmt: skip
SECRET_WORDS = frozenset(("pass", "pw", "auth", "salt", "pin", "otp", "pat", "psk", "pepper"))
# a last word that makes the name one of something about a secret
ABOUT = frozenset(
    (
        "algorithm", "class", "count", "enabled", "endpoint", "expires", "expiry", "file", "host", "id", "issuer", "length",
        "method", "mode", "name", "names", "namespace", "path", "policy", "port", "ref", "seconds", "ttl", "type", "uri",
        "url", "user", "username", "version",
    )
)  # fmt: skip


def is_plain_name(name: str, longest: int = LONGEST_NAME) -> bool:
    """Whether a name is identifier-like, short and of low entropy: words, at most a few digits, nothing random."""
    if not 0 < len(name) <= longest or NAME.fullmatch(name) is None:
        return False
    if sum(char.isdigit() for char in name) > MOST_DIGITS:
        return False
    if any(_is_jumble(part) for part in SEPARATOR.split(name)):
        return False
    letters = [word for word in words_of(name) if word.isalpha()]
    return bool(letters) and all(_is_word(word) for word in letters)


def _is_jumble(part: str) -> bool:
    """Whether letters and digits, or capitals and small letters, take turns too often."""
    if len(part) > LONGEST_MIXED and MIXED.search(part):
        return True
    humps = [word for word in WORD.findall(part) if word.isalpha()]
    return len(DIGIT_EDGE.findall(part)) > 2 or (len(humps) > 2 and sum(map(len, humps)) < 3 * len(humps))


def _is_word(word: str) -> bool:
    if word in KNOWN:
        return True
    if len(word) > LONGEST_WORD or RARE.search(word) or CONSONANTS.search(word):
        return False
    return len(word) < 5 or VOWEL.search(word) is not None


def shown(name: str, ordinal: int, what: str = "key") -> str:
    """The name itself if it may be shown, else `[key 4]`; `ordinal` is 1-based and counts in the order of the document."""
    return name if is_plain_name(name) else f"[{what} {ordinal}]"


def words_of(name: str) -> list[str]:
    """The words of an identifier, in lower case: `dbPassword` and `DB_PASSWORD` have the same two."""
    return [word.lower() for word in WORD.findall(name)]


def is_secret_name(key: str) -> bool:
    """Whether a key is named as secrets are: `DB_PASSWORD`, `apiKey`, `PGPASSWORD`; not `secretName` or `TOKEN_URL`."""
    words = [word for word in words_of(key[:200]) if word.isalpha()]
    if not words or words[-1] in ABOUT:
        return False
    return "".join(words).endswith(SECRET_ENDS) or any(
        word in SECRET_WORDS or word.endswith(SECRET_ENDS) for word in words
    )

"""Whether a secret is one that anybody would try first. A finding says that it is weak, never why (see `weakness`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from sopskit.redact.names import is_secret_name, words_of
from sopskit.redact.urls import read_url

if TYPE_CHECKING:
    from typing import TypeAlias

    Reason: TypeAlias = Literal["placeholder", "dictionary", "key name", "repeated", "sequence", "short"]

LONGEST = 128
LONGEST_URL = 4096
SHORTEST = 8
PLACEHOLDER = re.compile(
    r"<[^<>]*>|\$\{[^{}]*\}|\{\{.*\}\}|%[a-z_]+%|\[[a-z _-]+\]|x{3,}|\*{3,}|\.{3,}|_{3,}|-{3,}|\?{3,}"
    r"|(?:please[ _-]?)?(?:change|replace|fill|set|update|insert|enter|put)[ _-]?(?:this|me|it|in|here|your)?"
    r"(?:[ _-]?(?:now|later|please|before|in|for|prod|production|here|this|value|secret|key|password|token))*"
    r"|(?:your|my|the|some|a|an)[ _-](?:own[ _-])?[a-z _-]*(?:password|secret|token|key|value)(?:[ _-]?(?:here|goes here))?"
    r"|to[ _-]?do.*|to[ _-]?be[ _-](?:done|defined|replaced|set).*|tbd|fixme|redacted|n/?a|none|null|nil|undefined|placeholder"
    r"|(?:insert|enter|put|add)[ _-].*[ _-]here|dummy.*|(?:example|sample)[ _-]?(?:password|secret|token|key|value)?",
    re.IGNORECASE,
)
DEFAULTS = frozenset(
    (
        "abc", "access", "account", "admin", "administrator", "alpine", "apache", "api", "app", "backup", "bitnami", "cassandra",
        "changeit", "changeme", "cisco", "client", "cloud", "consul", "couchbase", "database", "db", "dbpassword", "debug",
        "default", "demo", "dev", "developer", "development", "docker", "dragon", "elastic", "example", "flower", "foo", "foobar",
        "football", "ftp", "git", "gitlab", "grafana", "guest", "hello", "helloworld", "hunter", "iloveyou", "ithink", "jenkins",
        "kafka", "keycloak", "kibana", "kubernetes", "letmein", "local", "localhost", "login", "manager", "mariadb", "master",
        "minio", "minioadmin", "mongo", "mongodb", "monkey", "mypass", "mypassword", "mysecret", "mysql", "nagios", "nobody",
        "oracle", "p4ss", "pass", "passphrase", "passw", "passwd", "password", "postgres", "postgresql", "princess", "private",
        "prod", "production", "prometheus", "public", "pw", "pwd", "qwerty", "rabbit", "rabbitmq", "redis", "root", "rootpass",
        "rootpassword", "sa", "sample", "secret", "secretkey", "secretpassword", "service", "shadow", "sonar", "splunk",
        "staging", "sunshine", "super", "supersecret", "superuser", "support", "sys", "sysadmin", "system", "temp", "temporary",
        "test", "tester", "testing", "testpassword", "token", "tomcat", "toor", "trustno", "ubuntu", "user", "username", "vagrant",
        "vault", "webmaster", "welcome", "whatever", "wordpress", "zabbix",
    )
)  # fmt: skip
LEET = str.maketrans({"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"})
ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "01234567890123456789",
    "98765432109876543210",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik",
    "1q2w3e4r5t6y7u8i9o0p",
)
TAIL = re.compile(r"[0-9!@#$%^&*()_+=.?-]+$")


def weakness(data: bytes, *, key: str = "") -> tuple[Reason, ...]:
    """Why a value is weak; empty if it is not known to be. `key` is its last key name.

    A placeholder is weak under any key, the rest only under one that is named as secrets are. Of a URL the password counts. The reasons are for the
    person who holds the value: in a report they would point at the weakest secret, and tell how to guess it.
    """
    url = read_url(data[:LONGEST_URL].decode("utf-8", "replace"))
    if url is not None:
        return _weakness_of(url.get("password", ""), "password")
    return _weakness_of(data[: LONGEST + 1].decode("utf-8", "replace").strip(), key)


def _weakness_of(text: str, key: str) -> tuple[Reason, ...]:
    if not text or len(text) > LONGEST:
        return ()
    reasons: list[Reason] = ["placeholder"] if _is_placeholder(text, key) else []
    if not is_secret_name(key):
        return tuple(reasons)
    if any(word in DEFAULTS for word in _stems(text)):
        reasons.append("dictionary")
    if _echoes(text, key):
        reasons.append("key name")
    if _is_repeated(text):
        reasons.append("repeated")
    if len(text) > 2 and any(text.lower() in row or text.lower() in row[::-1] for row in ROWS):
        reasons.append("sequence")
    if len(text) < SHORTEST and not _is_pin(key):
        reasons.append("short")
    return tuple(reasons)


def _is_placeholder(text: str, key: str) -> bool:
    """Words such as `none` and `sample` are placeholders only where a secret is wanted."""
    if PLACEHOLDER.fullmatch(text) is None:
        return False
    return (
        is_secret_name(key)
        or re.fullmatch(r"[a-z]+|[.*?_-]+|\S*\$\{.*|\{\{.*", text, re.IGNORECASE) is None
        or (
            re.match(r"(change|replace)[ _-]?(me|this|it)|xxx|todo|tbd|fixme|placeholder|redacted", text, re.IGNORECASE)
            is not None
        )
    )


def _stems(text: str) -> set[str]:
    """The word in a password that is a word with decorations: `P@ssw0rd2024!` has `password`."""
    lower = text.lower()
    forms = {lower, TAIL.sub("", lower), TAIL.sub("", lower).translate(LEET), lower.translate(LEET)}
    forms |= {re.sub(r"[^a-z0-9]", "", form) for form in forms}
    forms |= {re.sub(r"[^a-z]", "", form) for form in forms if sum(map(str.isdigit, form)) <= 4}
    return {part for form in forms for part in (form, *_halves(form)) if part}


def _halves(form: str) -> set[str]:
    """`adminadmin` and `rootpassword`, two defaults in a row, count as one."""
    pairs = ((form[:cut], form[cut:]) for cut in range(2, len(form) - 1))
    return {first for first, second in pairs if first in DEFAULTS and second in DEFAULTS} if len(form) <= 32 else set()


def _echoes(text: str, key: str) -> bool:
    """Whether the value is the key's name, or its words, with decorations: `db_password`, `DbPassword1`."""
    name = "".join(words_of(key))
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    stem = re.sub(r"[^a-z0-9]", "", TAIL.sub("", text.lower()))
    return bool(name) and (name in (plain, stem) or (len(stem) > 2 and stem in words_of(key)))


def _is_repeated(text: str) -> bool:
    """One piece of up to four characters over and over, or hardly any different characters."""
    pieces = any(len(text) >= 2 * n and text == (text[:n] * len(text))[: len(text)] for n in (1, 2, 3, 4))
    return pieces or (len(text) >= SHORTEST and len(set(text)) <= 2)


def _is_pin(key: str) -> bool:
    """Values that are short by nature."""
    return bool({"pin", "otp", "salt"} & set(words_of(key)))

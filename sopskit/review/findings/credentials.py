"""ENC08: values that look like secrets where nothing is meant to be encrypted."""

from __future__ import annotations

import re
from collections import Counter
from math import log2
from typing import TYPE_CHECKING

from sopskit import manifest
from sopskit.document import Leaf
from sopskit.review.findings.plaintext import (
    KUSTOMIZATIONS,
    MOST_KEYS,
    PLACEHOLDER,
    head_side,
    is_steering,
    naming_rules,
)
from sopskit.review.findings.policy import FilePolicy, Hit, place
from sopskit.sops.values import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.document import Document
    from sopskit.review.findings.subject import Subject
    from sopskit.review.sides import Side

LONGEST = 64 * 1024  # characters of a value that are looked at
# tokens that their makers gave a form to find them by
TOKENS = re.compile(
    r"(?P<aws>\b(?:AKIA|ASIA)[A-Z2-7]{16}\b)"
    r"|(?P<github>\bgh[pousr]_[A-Za-z0-9]{36,251}\b|\bgithub_pat_[A-Za-z0-9_]{60,90}\b)"
    r"|(?P<gitlab>\bgl(?:pat|dt|rt|ptt|ft|cbt|agent|soat)-[A-Za-z0-9_=.-]{20,300})"
    r"|(?P<slack>\bxox[abeoprs]-[A-Za-z0-9-]{10,250}|\bhooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,})"
    r"|(?P<jwt>(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}+\.eyJ[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]{16})"
    r"|(?P<key>-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----|\bAGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{16})"
    r"|(?P<google>\bAIza[A-Za-z0-9_-]{35}\b)"
    r"|(?P<stripe>\b[rs]k_live_[A-Za-z0-9]{20,100}\b)"
)
NAMES = {
    "aws": "an AWS access key id",
    "github": "a GitHub token",
    "gitlab": "a GitLab token",
    "slack": "a Slack token",
    "jwt": "a JSON Web Token",
    "key": "a private key",
    "google": "a Google API key",
    "stripe": "a Stripe key",
}
URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@?#\"']{0,200}:(?P<password>[^\s/@?#\"']{1,200})@[^\s/@]")
VARIABLE = re.compile(r"\$[{(]|^\$[A-Za-z_][A-Za-z0-9_]*$|\{\{|^%[a-z(]|^<[^<>]*>$|^\*+$|^x+$", re.IGNORECASE)
SECRET_KEY = re.compile(
    r"passw(?:or)?d|passphrase|(?:^|_)pwd(?:$|_)|secret|token|credential|(?:api|private|access|encryption|signing)_?key"
)
# keys that say where a secret is, or something about one
ABOUT = re.compile(
    r"(?:name|refs?|path|file|ur[il]|endpoint|host|_id|ttl|expiry|expiration|lifetime|length|type|policy|enabled|issuer"
    r"|audience|provider|class|version)$|(?:^|_)public"
)
RANDOM = re.compile(r"[A-Za-z0-9+/=_.~!@#$%^&*?:,;-]+")
# words and small numbers (`my-app-v2`), host names, images and paths
WORDS = re.compile(r"(?:[a-z]{2,}|v?\d{1,3})(?:[-_](?:[a-z]{2,}|v?\d{1,3}))+|/.*|[a-z0-9-]+(?:[./:][a-z0-9-]+)+")
# where a secret is to be found: an ARN, a reference of Vault, 1Password or vals
REFERENCE = re.compile(r"(?:arn|vault|op|ref\+[a-z0-9]+|projects):?/?[^\s]*[:/]\S*", re.IGNORECASE)
# objects whose fields are called like secrets and hold ciphertext, references or descriptions
NO_SECRETS = re.compile(r".+Secret|.*SecretStore|SecretProviderClass|CustomResourceDefinition")
ASSIGNMENT = re.compile(r"-{0,2}(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)=(?P<value>.*)", re.DOTALL)
LEAST_LENGTH = 12
LEAST_BITS = 3.0  # of Shannon entropy for each character; `aaaa1111aaaa` has one


def enc08(subject: Subject) -> Iterator[Hit]:
    """A readable value of a SOPS file, ConfigMap or environment that looks like a secret, and is not meant to be encrypted."""
    head = head_side(subject)
    if head is None or head.document is None:
        return
    names = {id(leaf.parent): leaf.value for leaf in head.document.leaves() if leaf.key == "name"}
    hits = [
        (leaf, what)
        for leaf, is_named in _readable(subject, head, head.document)
        if (what := _credential_of(leaf, names.get(id(leaf.parent), ""), is_named=is_named)) is not None
    ]
    for leaf, what in hits[:MOST_KEYS]:
        yield Hit("this readable value looks like {what}", {"what": what}, **place(head.document, leaf))
    if len(hits) > MOST_KEYS:
        yield Hit("and {count} more values like these", {"count": len(hits) - MOST_KEYS})


def _readable(subject: Subject, side: Side, document: Document) -> Iterator[tuple[Leaf, bool]]:
    """The values that are plain text on purpose, each with whether its name says something about it.

    They are those of a SOPS file that its rule leaves out, a plain ConfigMap's, and all of a plain file of an environment.
    """
    if side.metadata is None:
        yield from _in_environment(subject, document) if _is_configuration(subject) else _in_config_maps(document)
        return
    encrypts = side.metadata.selection.walk(lenient=True).encrypts
    for item in document.items:
        covered = encrypts(item)
        if isinstance(item, Leaf) and not covered and side.token(item) is None:
            yield item, True


def _is_configuration(subject: Subject) -> bool:
    name = subject.path.rpartition("/")[2]
    return subject.environment is not None and (name in KUSTOMIZATIONS or not is_steering(subject.path))


def _in_config_maps(document: Document) -> Iterator[tuple[Leaf, bool]]:
    for obj in manifest.objects(document):
        if obj.identity.kind == "ConfigMap":
            yield from ((entry.leaf, True) for entry in manifest.effective_data(obj).values())


def _in_environment(subject: Subject, document: Document) -> Iterator[tuple[Leaf, bool]]:
    """All values but those that ENC01 and ENC04 speak of: what a rule picks, and the data of plain Secrets."""
    objects = manifest.objects(document)
    told = {
        id(entry.leaf)
        for obj in objects
        if obj.identity.kind == "Secret"
        for entry in manifest.effective_data(obj).values()
    }
    for rule in naming_rules(subject.change, subject.path):
        encrypts = rule.selection.walk(lenient=True).encrypts
        told |= {id(item) for item in document.items if encrypts(item)}
    unnamed = {id(leaf) for obj in objects if NO_SECRETS.fullmatch(obj.identity.kind) for leaf in obj.leaves}
    for leaf in document.leaves():
        if id(leaf) not in told and leaf.path[0] != "secretGenerator" and not leaf.value.startswith(PREFIX):
            yield leaf, id(leaf) not in unnamed


def _credential_of(leaf: Leaf, name: str, *, is_named: bool) -> str | None:
    """What a leaf looks like by what it is called; a variable of a container, `{name: A, value: b}`, has its own name."""
    key, value = str(leaf.keys[-1] if leaf.keys else ""), leaf.value
    if key == "value" and name:
        key = name
    elif not leaf.parent.is_map and (match := ASSIGNMENT.fullmatch(value[:LONGEST])):
        key, value = match["name"], match["value"]
    return credential_in(key if is_named else "", value)


def credential_in(key: str, value: str) -> str | None:
    """What kind of secret a value looks like, in words; None if it looks like none. `key` is the name it stands under."""
    text = value[:LONGEST]
    if PLACEHOLDER.fullmatch(text):
        return None
    token = TOKENS.search(text)
    if token is not None:
        return NAMES[token.lastgroup or "key"]
    for match in URL.finditer(text):
        if not VARIABLE.search(match["password"]):
            return "a URL with a password"
    return "a password or key" if _sounds_secret(key) and _is_random(text) else None


def _sounds_secret(key: str) -> bool:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. /]", "_", key).lower()
    return SECRET_KEY.search(name) is not None and ABOUT.search(name) is None


def _is_random(value: str) -> bool:
    """Whether a value has the length and mixture of a generated one; words, names, paths and versions have not."""
    text = value.strip()
    if len(text) < LEAST_LENGTH or not RANDOM.fullmatch(text) or VARIABLE.search(text) or REFERENCE.fullmatch(text):
        return False
    if WORDS.fullmatch(text) or not any(map(str.isdigit, text)) or not any(map(str.isalpha, text)):
        return False
    counts = Counter(text).values()
    return -sum(count / len(text) * log2(count / len(text)) for count in counts) >= LEAST_BITS


POLICIES = (
    FilePolicy(
        "ENC08",
        "medium",
        "a readable value that looks like a secret",
        why="No rule covers this value, so it is plain text on purpose or by oversight: a password in a connection string, or a "
        "token in a ConfigMap or in the settings of an environment. It can be read by everybody who can read the repository.",
        remedy="move the value into an encrypted file and change it, or waive this finding with the reason why it is public",
        find=enc08,
        check=True,
    ),
)

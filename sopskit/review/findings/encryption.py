"""ENC: plain text where there should be none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit import manifest
from sopskit.document import Leaf, format_for_name, parse
from sopskit.document.model import position
from sopskit.errors import FormatError
from sopskit.redact import escape_path
from sopskit.review.model import Finding
from sopskit.review.sides import is_empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.document import Document
    from sopskit.review.findings.subject import Subject
    from sopskit.sops.selection import Selection

MOST_KEYS = 10
# files that sops, sopskit and kustomize read as plain text, whatever a rule says
STEERING = frozenset((".sops.yaml", ".sopskit.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization"))


def enc01(subject: Subject) -> Iterator[Finding]:
    """A creation rule of base or head names this file and encrypts something in it, but the file is plain."""
    head = subject.sides.head
    if head is None or head.metadata is not None or head.document is None:
        return
    if subject.path.rpartition("/")[2] in STEERING:
        return
    for rule in subject.rules:
        if rule is None or not rule.by_path:
            continue
        leaf = _first_selected(head.document, rule.selection)
        if leaf is not None:
            yield Finding(
                "ENC01",
                "block",
                "a file that a rule encrypts is plain text",
                "a creation rule of .sops.yaml fits this file, and it is not encrypted",
                _remedy(subject),
                subject.path,
                **_place(head.document, leaf),
            )
            return


def enc02(subject: Subject) -> Iterator[Finding]:
    """A value that the file's own rule covers is plain text."""
    head = subject.sides.head
    if head is None or head.document is None:
        return
    for leaf in head.uncovered():
        yield Finding(
            "ENC02",
            "block",
            "a value in an encrypted file is plain text",
            "the file's own rule covers this value, and it is not encrypted",
            "change the value and write it with sopskit edit or set",
            subject.path,
            **_place(head.document, leaf),
        )


def enc04(subject: Subject) -> Iterator[Finding]:
    """A Kubernetes Secret with data that is no SOPS file, whatever the name of the file."""
    document = _plain_document(subject)
    for obj in manifest.objects(document) if document is not None else ():
        entries = manifest.effective_data(obj).values() if obj.identity.kind == "Secret" else ()
        leaves = [entry.leaf for entry in entries if entry.leaf.value]
        if document is not None and leaves:
            yield Finding(
                "ENC04",
                "block",
                "a Secret in plain text",
                "a Kubernetes Secret with data stands in the repository unencrypted: {keys}",
                _remedy(subject),
                subject.path,
                args={"count": len(leaves), "keys": _names(leaves)},
                **_place(document, leaves[0]),
            )


def _plain_document(subject: Subject) -> Document | None:
    """The head's document if it is no SOPS file. One of another suffix (`x.yaml.edited`) is read as YAML if it is that."""
    head, data = subject.sides.head, subject.data.head
    if head is None or head.metadata is not None:
        return None
    if head.document is not None or data is None or b"kind" not in data or b"Secret" not in data:
        return head.document
    try:
        return parse(data, format_for_name("yaml"))
    except FormatError:
        return None


def _names(leaves: list[Leaf]) -> str:
    more = f" and {len(leaves) - MOST_KEYS} more" if len(leaves) > MOST_KEYS else ""
    return ", ".join(escape_path(leaf.path) for leaf in leaves[:MOST_KEYS]) + more


def _remedy(subject: Subject) -> str:
    first = "" if subject.rules.head else "add a creation rule that fits this file to .sops.yaml, then "
    return f"{first}sopskit encrypt -i FILE, and change the values: they stand in the history"


def _first_selected(document: Document, selection: Selection) -> Leaf | None:
    encrypts = selection.walk(lenient=True).encrypts
    for item in document.items:
        if encrypts(item) and isinstance(item, Leaf) and item.kind != "null" and not is_empty(item):
            return item
    return None


def _place(document: Document, leaf: Leaf) -> dict[str, Any]:
    return {"document": leaf.parent.document, "line": position(document.text, leaf.start)[0], "key": leaf.path}

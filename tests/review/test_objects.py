"""What the cluster gets, whatever field it is written in."""

from __future__ import annotations

from base64 import b64encode

from sopskit.review.alignment import align
from sopskit.review.compare import compare
from sopskit.review.objects import changed_objects
from sopskit.review.sides import read_side
from tests.review.conftest import Sops

HEAD = "apiVersion: v1\nkind: Secret\nmetadata: {name: app, namespace: dev}\n"
REGEX = ("--encrypted-regex", "^(data|stringData)$")


def changed(base: bytes, head: bytes) -> list[tuple[str, str, str, list[tuple[str, str, str]]]]:
    old, new = (read_side("file.yaml", data) for data in (base, head))
    objects = changed_objects(old, new, compare(old, new), align(old.document, new.document))
    return [(one.kind, one.namespace, one.name, [tuple(key) for key in one.keys]) for one in objects]  # type: ignore[misc]


def secret(field: str, **entries: str) -> bytes:
    return (HEAD + f"{field}:\n" + "".join(f"  {key}: {value}\n" for key, value in entries.items())).encode()


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_an_entry_that_moved_to_another_field_is_the_same() -> None:
    assert changed(secret("data", KEY=encoded("value")), secret("stringData", KEY="value")) == []


def test_base64_of_another_spelling_is_the_same() -> None:
    head = HEAD.encode() + b"data:\n  KEY: |\n    dmFs\n    dWU=\n"
    assert changed(secret("data", KEY=encoded("value")), head) == []


def test_an_empty_entry_shadows_the_one_of_data() -> None:
    base = secret("data", KEY=encoded("value"))
    head = base + b"stringData: {KEY: ''}\n"
    assert changed(base, head) == [("Secret", "dev", "app", [("KEY", "changed", "stringData")])]


def test_entries_come_and_go() -> None:
    assert changed(secret("data", a=encoded("1"), b=encoded("2")), secret("data", b=encoded("3"), c=encoded("4"))) == [
        ("Secret", "dev", "app", [("a", "removed", "data"), ("b", "changed", "data"), ("c", "added", "data")])
    ]


def test_tokens_tell_what_changed(sops: Sops) -> None:
    base = sops.encrypted(secret("stringData", a="one", b="two").decode(), *REGEX)
    sops("set", "file.yaml", '["stringData"]["b"]', '"three"')
    assert changed(base, sops.bytes()) == [("Secret", "dev", "app", [("b", "changed", "stringData")])]


def test_encryption_alone_changes_no_value_of_the_cluster(sops: Sops) -> None:
    plain = secret("stringData", a="one")
    assert changed(plain, sops.encrypted(plain.decode(), *REGEX)) == [
        ("Secret", "dev", "app", [("a", "encrypted", "stringData")])
    ]


def test_every_document_is_its_own_object() -> None:
    other = HEAD.replace("name: app", "name: other").encode() + b"data: {x: eA==}\n"
    base = secret("data", a="eA==") + b"---\n" + other
    head = other.replace(b"eA==", b"eQ==") + b"---\n" + secret("data", a="eA==")
    assert changed(base, head) == [("Secret", "dev", "other", [("x", "changed", "data")])]

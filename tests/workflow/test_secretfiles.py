"""What a file of a folder says of itself."""

from __future__ import annotations

import pytest

from sopskit.document import format_for_name
from sopskit.errors import DocumentSyntaxError
from sopskit.workflow.secretfiles import check_merged, is_plain_secret

HEAD = b"apiVersion: v1\nkind: Secret\n"


@pytest.mark.parametrize(
    ("source", "format", "verdict"),
    [
        (HEAD + b"data: {a: eA==}\n", "yaml", True),
        (b"kind: ConfigMap\napiVersion: v1\n---\n" + HEAD + b"stringData: {a: b}\n", "yaml", True),
        (b'{"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA=="}}', "json", True),
        (HEAD, "yaml", False),
        (HEAD + b"data: {a: eA==}\n", "binary", False),
        (HEAD + b"data: {a: eA==}\nsops: {mac: x}\n", "yaml", False),
        (HEAD + b"data: [\n", "yaml", False),
        (HEAD + b"data:\n<<<<<<< HEAD\n  a: eA==\n=======\n  a: eQ==\n>>>>>>> other\n", "yaml", True),
        (b"apiVersion: v1\nkind: SealedSecret\ndata: {a: eA==}\n", "yaml", False),
        (b"apiVersion: v1\nkind: ConfigMap\ndata: {a: eA==}\n", "yaml", False),
    ],
)
def test_a_plain_secret_is_a_manifest_with_data(source: bytes, format: str, verdict: bool) -> None:
    assert is_plain_secret(source, format_for_name(format)) is verdict


def test_a_conflict_is_reported_where_it_starts() -> None:
    with pytest.raises(DocumentSyntaxError, match="line 2: a merge conflict is not resolved"):
        check_merged(b"a: 1\n<<<<<<< HEAD\nb: 1\n||||||| base\n=======\nb: 2\n>>>>>>> other\n")


@pytest.mark.parametrize(
    "source", [b"a: 1\n", b"a: |\n  <<<<<<< x\n  =======\n  >>>>>>> y\n", b"<<<<<<< x\n>>>>>>> y\n=======\n"]
)
def test_marks_elsewhere_are_no_conflict(source: bytes) -> None:
    check_merged(source)

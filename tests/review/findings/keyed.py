"""Reviews with alice's key, by chosen policies only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sopskit.age import parse_identity
from sopskit.git import open_repository
from sopskit.review.model import End
from sopskit.review.request import Options
from sopskit.sops.masterkeys import FixedKeyring
from sopskit.workflow.ends import Ends
from sopskit.workflow.review import review
from tests.review.reviewing import NOW, Reviewer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.review.findings.policy import Policy
    from sopskit.review.model import Finding
    from tests.review.conftest import Sops

PATH = "k8s/gitops/prod/service1/secrets.yaml"
REGEX = ("--encrypted-regex", "^(data|stringData)$")


def secret(values: Mapping[str, object], *, field: str = "stringData", type: str = "Opaque") -> str:
    """A manifest of a Secret."""
    head = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: service1\ntype: {type}\n{field}:\n"
    return head + "".join(f"  {key}: {json.dumps(value)}\n" for key, value in values.items())


class KeyedReview:
    """Changes of one file, made by sops, and what policies find in them."""

    def __init__(self, sops: Sops, review_of: Reviewer, policies: Sequence[Policy]) -> None:
        self.sops = sops
        self.review_of = review_of
        self.policies = policies

    def encrypted(self, text: str) -> bytes:
        """A manifest under a data key of its own."""
        return self.sops.encrypted(text, *REGEX)

    def edited(self, old: bytes, changes: Mapping[str, object], *, field: str = "stringData") -> bytes:
        """What `sops set` makes of a file, under the same data key."""
        (self.sops.folder / "file.yaml").write_bytes(old)
        for key, value in changes.items():
            self.sops("set", "file.yaml", f'["{field}"]{json.dumps([key])}', json.dumps(value))
        return self.sops.bytes()

    def __call__(
        self,
        base: bytes | None,
        head: bytes,
        *,
        trusted: bool = False,
        keyless: bool = False,
        path: str = PATH,
        others: Mapping[str, bytes | None] | None = None,
    ) -> list[Finding]:
        """The findings on one file, in the order of the policies."""
        files: dict[str, bytes | None] = {"README": b"x", **(others or {})}
        first = self.review_of.commit(files if base is None else {**files, path: base})
        last = self.review_of.commit({path: head})
        keyring = None if keyless else FixedKeyring((parse_identity(self.sops.key.identity),))
        options = Options(keyring=keyring, vouched=trusted, now=NOW, policies=self.policies)
        repository = open_repository(self.review_of.git.folder)
        assert repository is not None
        with repository:
            report = review(repository, Ends(End("base", first), End("head", last)), options=options)
        return [finding for finding in report.findings if finding.path == path]


def said(findings: Sequence[Finding]) -> list[str]:
    """Each finding as `VAL01 high: message`, the arguments filled in."""
    return [f"{one.id} {one.severity}: {one.message.format(**one.args)}" for one in findings]

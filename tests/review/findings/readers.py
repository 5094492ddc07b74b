"""States of a repository with one encrypted file, for the tests of who can read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sopskit.config.sopskit_yaml import Environment, Name, TeamConfig
from tests.conftest import ROOT, read_age_key
from tests.review.states import RCP, Asked, fixture, reviewed

if TYPE_CHECKING:
    from sopskit.review.model import Finding

ALICE, BOB, CLUSTER = (read_age_key(name).recipient for name in ("alice", "bob", "cluster"))
PATH = "prod/file.yaml"
BASE = fixture("updatekeys-added", "base")  # for alice and the cluster
WITH_BOB = fixture("updatekeys-added")
WITHOUT_CLUSTER = fixture("updatekeys-removed")
ASKED = Asked(policies=RCP)
SOPS_FILES = ROOT / "fixtures" / "sops" / "3.13.3"
GROUPS = (SOPS_FILES / "key-groups.yaml").read_bytes()


def rules(*recipients: str, path: str = "") -> bytes:
    """A `.sops.yaml` with one rule."""
    return json.dumps({"creation_rules": [{"path_regex": path, "age": ",".join(recipients)}]}).encode()


def state(data: bytes, *listed: str) -> dict[str, bytes]:
    """The file, and the rule that lists `listed`."""
    return {PATH: data, **({".sops.yaml": rules(*listed)} if listed else {})}


def named(*names: Name, protected: bool = False) -> Asked:
    """Ask with names, and with the environments prod and dev."""
    team = TeamConfig((Environment("prod", ("prod/**",), protected), Environment("dev", ("dev/**",))), names)
    return ASKED._replace(team=team)


def found(base: dict[str, bytes], head: dict[str, bytes], id: str, asked: Asked = ASKED) -> list[Finding]:
    """The findings of one policy."""
    return [finding for finding in reviewed(base, head, asked).findings if finding.id == id]


def lines(findings: list[Finding]) -> list[str]:
    """Each finding as `high path recipient`."""
    return [f"{one.severity} {one.path} {one.args['recipient']}" for one in findings]

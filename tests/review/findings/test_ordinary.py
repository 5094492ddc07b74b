"""Ordinary pull requests have no finding that fails them, in an environment that is not protected."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.review.reviewing import Reviewer, ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.review.model import ReviewDiff
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

ENVIRONMENTS = ("dev", "qa", "prod")
FOLDER = "k8s/gitops/{}/service1"
DEV = FOLDER.format("dev")
SECRETS = f"{DEV}/secrets.yaml"
SECRET = """# the database of service1
apiVersion: v1
kind: Secret
metadata:
    name: service1
    namespace: {}
type: Opaque
stringData:
    DB_PASSWORD: canary-{}
    DB_USER: service1
"""
CONFIG = """apiVersion: v1
kind: ConfigMap
metadata:
    name: service1
data:
    LOG_LEVEL: info-{}
"""
RELEASE = """apiVersion: apps/v1
kind: Deployment
metadata:
    name: service1
spec:
    template:
        spec:
            containers:
              - name: service1
                image: registry.example.com/service1:1.0.0
                envFrom:
                  - secretRef: {name: service1}
                  - configMapRef: {name: service1}
"""
KUSTOMIZATION = "resources: [configmap.yaml, secrets.yaml, release.yaml]\n"
TEAM = """version: 1
environments:
  - {{name: dev, paths: ["k8s/gitops/dev/**"], writers: {}}}
  - {{name: qa, paths: ["k8s/gitops/qa/**"]}}
  - {{name: prod, paths: ["k8s/gitops/prod/**"], protected: true}}
names:
  - {{name: alice, recipients: [{}]}}
  - {{name: bob, recipients: [{}]}}
"""


class Team:
    """A repository with three environments, of which every state can be reviewed against the one before."""

    def __init__(self, review_of: Reviewer, sops: Sops, alice: AgeTestKey, bob: AgeTestKey) -> None:
        self.review_of = review_of
        self.sops = sops
        self.recipients = (alice.recipient, bob.recipient)

    def rules(self, *recipients: str) -> bytes:
        lines = ("creation_rules:", "  - path_regex: ^k8s/gitops/", "    encrypted_regex: ^(data|stringData)$")
        return "\n".join((*lines, f"    age: {','.join(recipients)}", "")).encode()

    def start(self, *recipients: str, writers: str = "key") -> str:
        """The first state: every environment with one service, for alice or for `recipients`."""
        readers = recipients or self.recipients[:1]
        files = {
            ".sops.yaml": self.rules(*readers),
            ".sopskit.yaml": TEAM.format(writers, *self.recipients).encode(),
        }
        for name in ENVIRONMENTS:
            files |= self.service(FOLDER.format(name), name, *readers)
        return self.review_of.commit(files)

    def service(self, folder: str, environment: str, *recipients: str) -> dict[str, bytes]:
        return {
            f"{folder}/secrets.yaml": self.encrypt(SECRET.format(environment, environment), *recipients),
            f"{folder}/configmap.yaml": self.encrypt(CONFIG.format(environment), *recipients),
            f"{folder}/release.yaml": RELEASE.encode(),
            f"{folder}/kustomization.yaml": KUSTOMIZATION.encode(),
        }

    def encrypt(self, text: str, *recipients: str) -> bytes:
        return self.sops.encrypted(text, "--age", ",".join(recipients), "--encrypted-regex", "^(data|stringData)$")

    def run(self, *arguments: str, path: str = SECRETS) -> bytes:
        """What sops makes of a file of the repository."""
        (self.sops.folder / "file.yaml").write_bytes(self.read(path))
        self.sops(*arguments[:1], *([] if arguments[0] != "rotate" else ["--in-place"]), "file.yaml", *arguments[1:])
        return self.sops.bytes()

    def read(self, path: str = SECRETS) -> bytes:
        return (self.review_of.git.folder / path).read_bytes()

    def review(self, base: str, files: Mapping[str, bytes | None]) -> ReviewDiff:
        head = self.review_of.commit(files)
        return self.review_of.between(base, head, now=datetime.now(UTC))


@pytest.fixture
def team(review_of: Reviewer, sops: Sops, alice: AgeTestKey, bob: AgeTestKey) -> Team:
    return Team(review_of, sops, alice, bob)


def assert_green(report: ReviewDiff) -> None:
    failing = [finding for finding in ids(report) if finding.split()[1] in {"block", "high"}]
    assert failing == []
    assert report.exit_code == 0


def test_a_value_changed_by_set(team: Team) -> None:
    assert_green(team.review(team.start(), {SECRETS: team.run("set", '["stringData"]["DB_PASSWORD"]', '"other"')}))


def test_a_new_key_in_dev_first(team: Team) -> None:
    report = team.review(team.start(), {SECRETS: team.run("set", '["stringData"]["API_KEY"]', '"other"')})
    assert f"ENV01 low {SECRETS}" in ids(report)
    assert_green(report)


def test_a_file_encrypted_anew_by_a_public_key_writer(team: Team) -> None:
    base = team.start(writers="public-key")
    assert_green(team.review(base, {SECRETS: team.encrypt(SECRET.format("dev", "other"), team.recipients[0])}))


def test_a_recipient_that_the_names_file_of_base_knows(team: Team) -> None:
    base = team.start()
    rules = team.rules(*team.recipients)
    (team.sops.folder / ".sops.yaml").write_bytes(rules)
    changed: dict[str, bytes | None] = {".sops.yaml": rules}
    for name in ("secrets.yaml", "configmap.yaml"):
        (team.sops.folder / "k8s/gitops").mkdir(parents=True, exist_ok=True)
        (team.sops.folder / "k8s/gitops/file.yaml").write_bytes(team.read(f"{DEV}/{name}"))
        team.sops("updatekeys", "--yes", "k8s/gitops/file.yaml")
        changed[f"{DEV}/{name}"] = (team.sops.folder / "k8s/gitops/file.yaml").read_bytes()
    assert_green(team.review(base, changed))


def test_a_recipient_removed_with_rotation(team: Team) -> None:
    base = team.start(*team.recipients)
    changed: dict[str, bytes | None] = {".sops.yaml": team.rules(team.recipients[0])}
    for environment in ENVIRONMENTS:
        for name in ("secrets.yaml", "configmap.yaml"):
            path = f"{FOLDER.format(environment)}/{name}"
            changed[path] = team.run("rotate", "--rm-age", team.recipients[1], path=path)
    report = team.review(base, changed)
    failing = [finding for finding in ids(report) if finding.split()[1] in {"block", "high"}]
    assert [finding for finding in failing if "/prod/" not in finding] == []


def test_a_rotation(team: Team) -> None:
    assert_green(team.review(team.start(), {SECRETS: team.run("rotate")}))


def test_a_revert_of_a_good_change(team: Team) -> None:
    team.start()
    before = team.read()
    base = team.review_of.commit({SECRETS: team.run("set", '["stringData"]["DB_PASSWORD"]', '"other"')})
    assert_green(team.review(base, {SECRETS: before}))


def test_an_image_tag(team: Team) -> None:
    base = team.start()
    assert_green(team.review(base, {f"{DEV}/release.yaml": RELEASE.replace("1.0.0", "1.0.1").encode()}))


def test_a_new_service(team: Team) -> None:
    base = team.start()
    text = team.service("k8s/gitops/dev/service2", "dev", team.recipients[0])
    assert_green(team.review(base, text))


def test_a_comment_in_a_plain_manifest(team: Team) -> None:
    base = team.start()
    assert_green(team.review(base, {f"{DEV}/release.yaml": b"# comment\n" + RELEASE.encode()}))


def test_a_comment_in_an_encrypted_manifest(team: Team) -> None:
    base = team.start()
    assert_green(team.review(base, {SECRETS: team.read().replace(b"type: Opaque", b"# comment\ntype: Opaque")}))


def test_a_file_that_was_indented_anew(team: Team) -> None:
    base = team.start()
    head, _, block = team.read().partition(b"sops:\n")
    indented = head.replace(b"\n    ", b"\n  ") + b"sops:\n" + block
    report = team.review(base, {SECRETS: indented, f"{DEV}/release.yaml": RELEASE.replace("    ", "  ").encode()})
    assert f"GIT05 low {SECRETS}" in ids(report)
    assert_green(report)

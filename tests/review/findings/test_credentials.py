"""ENC08: readable values that look like secrets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from sopskit.review.findings.credentials import credential_in
from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

# made up: no such key was ever issued; put together here, so that no scanner takes this file for a leak
AWS = "AKIA" + "QYLPMN5HHHFPZAM2"
GITHUB = "ghp" + "_x7Kq2mN9vR4tY8wZ1aB5cD3eF6gH0jL2pQsX"
GITLAB = "glpat" + "-Kx93mQ7vT2wZr8Yb5NcD"
SLACK = "xoxb" + "-123456789012-abcdefghijkl"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE"


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("id", AWS, "an AWS access key id"),
        ("text", f"curl -H 'Authorization: {GITHUB}'", "a GitHub token"),
        ("x", GITLAB, "a GitLab token"),
        ("x", SLACK, "a Slack token"),
        ("x", f"Bearer {JWT}", "a JSON Web Token"),
        ("tls.key", PEM, "a private key"),
        ("DATABASE_URL", "postgres://app:s3cr3t@db:5432/app", "a URL with a password"),
        ("x", "redis://:hunter2@cache", "a URL with a password"),
        ("DB_PASSWORD", "kJ8#mP2$vL9qW4", "a password or key"),
        ("apiKey", "b7f3a9c1d5e8024679bd", "a password or key"),
        ("clientSecret", "Zm9vYmFyYmF6cXV4MTIzNDU2", "a password or key"),
        ("session-token", "Xq7-Lm2_Pz9Rt4", "a password or key"),
    ],
)
def test_a_secret_is_known_by_its_form(key: str, value: str, what: str) -> None:
    assert credential_in(key, value) == what


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("LOG_LEVEL", "info"),
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", "changeme"),
        ("DB_PASSWORD", "${DB_PASSWORD}"),
        ("DB_PASSWORD", "{{ .Values.password }}"),
        ("password", "****************"),
        ("passwordFile", "/run/secrets/db-password-2"),
        ("tokenSecretName", "service1-token-7f3a9c"),
        ("secret", "my-app-secret-v2"),
        ("tokenUrl", "https://login.example.com/oauth2/v2.0/token"),
        ("token_endpoint", "https://login.example.com/a1b2c3d4"),
        ("secretKeyRef", "b7f3a9c1d5e8024679bd"),
        ("TOKEN_TTL", "3600000000000s"),
        ("image", "registry.example.com/app@sha256:b7f3a9c1d5e8024679bd"),
        ("checksum", "b7f3a9c1d5e8024679bd0011"),
        ("DATABASE_URL", "postgres://app@db:5432/app"),
        ("DATABASE_URL", "postgres://app:${PASSWORD}@db/app"),
        ("DATABASE_URL", "postgres://app:$(PASSWORD)@db/app"),
        ("DATABASE_URL", "postgres://user:<password>@db/app"),
        ("id", "AKIA-not-one"),
        ("publicKey", "b7f3a9c1d5e8024679bd"),
        ("cert", "-----BEGIN CERTIFICATE-----\nMIIE"),
        ("token", "registry.example.com:5000"),
        ("dbSecret", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-aBcD12"),
        ("password", "vault:secret/data/db#PassWord1"),
        ("token", "ref+vault://secret/db#Token1"),
    ],
)
def test_what_is_no_secret_is_none(key: str, value: str) -> None:
    assert credential_in(key, value) is None


@pytest.mark.parametrize(
    "piece", ["eyJ" * 4 + ".", "eyJ-", "a://:", "-----BEGIN A A A ", "xoxb-!", "glpat-!", "eyJaaaaaaaaaaa.eyJa!"]
)
def test_a_long_value_is_looked_at_quickly(piece: str) -> None:
    start = time.process_time()
    assert credential_in("text", piece * (2_000_000 // len(piece))) is None
    assert time.process_time() - start < 5  # with the square of the size it were minutes


def test_a_config_map_is_searched(review_of: Reviewer) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\ndata:\n  level: info\n  hook: {SLACK}\n".encode()
    other = f"apiVersion: v1\nkind: Service\ndata:\n  hook: {SLACK}\n".encode()
    (finding,) = review_of({}, {"a.yaml": text, "b.yaml": other}).findings
    assert (finding.id, finding.severity, finding.line, finding.key) == ("ENC08", "medium", 5, ("data", "hook"))
    assert SLACK not in repr(finding)


def test_what_the_rule_of_a_file_leaves_out_is_searched(review_of: Reviewer, sops: Sops) -> None:
    text = f"id: {AWS}\nname: service1\npassword: {AWS}\n"
    head = sops.encrypted(text, "--encrypted-regex", "^password$")
    found = [one for one in review_of({}, {"a.yaml": head}).findings if one.id == "ENC08"]
    assert [one.key for one in found] == [("id",)]


def test_many_are_ten_and_a_count(review_of: Reviewer) -> None:
    lines = "".join(f"  k{number}: {SLACK}\n" for number in range(12))
    found = review_of({}, {"a.yaml": f"apiVersion: v1\nkind: ConfigMap\ndata:\n{lines}".encode()}).findings
    assert len(found) == 11
    assert found[-1].args == {"count": 2}


PASSWORD = "kX9-mQ2vLp8wRt"
TEAM = b"version: 1\nenvironments:\n  - {name: dev, paths: ['dev/**']}\n"


def in_environment(review_of: Reviewer, files: dict[str, str], **more: bytes) -> list[tuple[str, object]]:
    """Where ENC08 is found in files of an environment."""
    base = {".sopskit.yaml": TEAM, **{f".{name}.yaml": data for name, data in more.items()}}
    report = review_of(base, {f"dev/{name}": text.encode() for name, text in files.items()})
    return [(one.path.removeprefix("dev/"), one.key) for one in report.findings if one.id == "ENC08"]


def test_the_plain_files_of_an_environment_are_searched(review_of: Reviewer) -> None:
    files = {
        "values.yaml": f"database: {{password: {PASSWORD}, host: db}}\n",
        "config.json": f'{{"url": "postgres://app:{PASSWORD}@db/app"}}',
        ".env": f"LEVEL=info\nDB_PASSWORD={PASSWORD}\n",
        "app.ini": f"[db]\npassword = {PASSWORD}\n",
        "release.yaml": f"kind: Deployment\nspec: {{env: [{{name: DB_PASSWORD, value: {PASSWORD}}}]}}\n",
        "args.yaml": f"args: [--level=info, --admin-password={PASSWORD}]\n",
        "kustomization.yaml": f"configMapGenerator: [{{literals: [TOKEN={PASSWORD}]}}]\n",
    }
    assert in_environment(review_of, files) == [
        (".env", ("DB_PASSWORD",)),
        ("app.ini", ("db", "password")),
        ("args.yaml", ("args", 1)),
        ("config.json", ("url",)),
        ("kustomization.yaml", ("configMapGenerator", 0, "literals", 0)),
        ("release.yaml", ("spec", "env", 0, "value")),
        ("values.yaml", ("database", "password")),
    ]


def test_what_other_findings_tell_and_what_is_no_secret_are_not_told(review_of: Reviewer, alice: AgeTestKey) -> None:
    rules = f"creation_rules:\n  - {{path_regex: ^dev/rule, encrypted_regex: ^password$, age: {alice.recipient}}}\n"
    files = {
        "secret.yaml": f"apiVersion: v1\nkind: Secret\nstringData: {{password: {PASSWORD}}}\n",
        "rule.yaml": f"password: {PASSWORD}\n",
        "sealed.yaml": f"apiVersion: x/v1\nkind: SealedSecret\nspec: {{encryptedData: {{password: {PASSWORD}}}}}\n",
        "external.yaml": f"apiVersion: x/v1\nkind: ExternalSecret\nspec: {{data: [{{secretKey: {PASSWORD}}}]}}\n",
        "kustomization.yaml": f"secretGenerator: [{{literals: [password={PASSWORD}]}}]\n",
        "README.md": f"password: {PASSWORD}\n",
        "values.yaml": "password: ENC[AES256_GCM,data:AA12==,iv:AA==,tag:AA==,type:str]\n",
    }
    assert in_environment(review_of, files, sops=rules.encode()) == []


def test_a_plain_file_outside_of_the_environments_is_not_searched(review_of: Reviewer) -> None:
    report = review_of({".sopskit.yaml": TEAM}, {"values.yaml": f"password: {PASSWORD}\n".encode()})
    assert report.findings == ()


def test_a_config_map_in_utf_16_is_searched(review_of: Reviewer) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\ndata: {{hook: {SLACK}}}\n"
    assert [one.id for one in review_of({}, {"a.yaml": text.encode("utf-16")}).findings] == ["ENC08"]

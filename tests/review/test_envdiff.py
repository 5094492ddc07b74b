"""Which files of environments correspond, which keys they have, and what is said of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.age import parse_identity
from sopskit.config.sopskit_yaml import DEFAULT
from sopskit.git import TreeEntry
from sopskit.review.envdiff import Cell, EnvDiff, compare_environments
from sopskit.review.keyed import Opener
from sopskit.review.trees import Tree
from sopskit.sops.masterkeys import FixedKeyring

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\nstringData:\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n"
RULE = ("--encrypted-regex", "^(data|stringData)$")


def tree(files: dict[str, bytes]) -> Tree:
    return Tree([TreeEntry(path.encode(), 0o100644, path) for path in files], lambda entry: files[entry.id])


def rows(result: EnvDiff) -> list[tuple[str, str, str]]:
    """Each key as file, key path, state."""
    return [(file.label, ".".join(row.key.path), row.state) for file in result.files for row in file.keys]


def states(result: EnvDiff) -> dict[str, str]:
    return {key: state for _, key, state in rows(result)}


@pytest.fixture
def opener(alice: AgeTestKey) -> Opener:
    return Opener(FixedKeyring((parse_identity(alice.identity),)))


def both(sops: Sops, dev: str, prod: str) -> Tree:
    """Two encrypted Secrets with these entries."""
    return tree(
        {
            "k8s/gitops/dev/app/secrets.yaml": sops.encrypted(SECRET + dev, *RULE),
            "k8s/gitops/prod/app/secrets.yaml": sops.encrypted(SECRET + prod, *RULE),
        }
    )


ENVIRONMENTS = ("dev", "prod")


# --- which files


def test_a_file_that_an_environment_lacks_is_one_thing_missing(sops: Sops) -> None:
    result = compare_environments(
        tree({"k8s/gitops/dev/app/secrets.yaml": sops.encrypted(f"{SECRET}  a: b\n  c: d\n", *RULE)}),
        DEFAULT,
        ENVIRONMENTS,
    )
    assert [file.paths for file in result.files] == [("k8s/gitops/dev/app/secrets.yaml", None)]
    assert (result.missing, states(result)) == (1, {"a": "present", "c": "present"})


def test_files_without_secrets_and_configmaps_are_left_out() -> None:
    files = {
        "k8s/gitops/dev/app/deployment.yaml": b"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n",
        "k8s/gitops/dev/app/kustomization.yaml": b"secretGenerator:\n  - name: Secret\n",
        "k8s/gitops/dev/app/README.md": b"# Secret\n",
        "k8s/gitops/dev/app/patch.yaml": b"a: 1\n",
    }
    assert compare_environments(tree(files), DEFAULT, ENVIRONMENTS).files == ()


def test_plain_values_of_helm_are_compared() -> None:
    files = {"helm-values/app/dev-config.yaml": b"a: 1\nb: x\n", "helm-values/app/prod-config.yaml": b"a: 2\n"}
    result = compare_environments(tree(files), DEFAULT, ENVIRONMENTS)
    assert rows(result) == [
        ("helm-values/app/*-config.yaml", "a", "different"),
        ("helm-values/app/*-config.yaml", "b", "missing"),
    ]


def test_a_file_that_cannot_be_read_is_told(sops: Sops) -> None:
    broken = sops.encrypted(f"{SECRET}  a: b\n", *RULE) + b"\n\t: [broken"
    result = compare_environments(tree({"k8s/gitops/dev/app/secrets.yaml": broken}), DEFAULT, ENVIRONMENTS)
    assert [problem.path for problem in result.not_read] == ["k8s/gitops/dev/app/secrets.yaml"]


# --- which keys


def test_keys_are_compared_without_a_key(sops: Sops) -> None:
    result = compare_environments(both(sops, "  a: x\n  b: y\n", "  a: z\n"), DEFAULT, ENVIRONMENTS)
    assert states(result) == {"a": "present", "b": "missing"}
    assert [row.cells for row in result.files[0].keys] == [
        (Cell("str", encrypted=True), Cell("str", encrypted=True)),
        (Cell("str", encrypted=True), None),
    ]


def test_data_and_string_data_are_one(sops: Sops) -> None:
    prod = SECRET.replace("stringData", "data") + "  a: eA==\n"
    files = tree(
        {
            "k8s/gitops/dev/s.yaml": sops.encrypted(f"{SECRET}  a: x\n", *RULE),
            "k8s/gitops/prod/s.yaml": sops.encrypted(prod, *RULE),
        }
    )
    assert states(compare_environments(files, DEFAULT, ENVIRONMENTS)) == {"a": "present"}


def test_objects_correspond_by_their_name_without_the_environment() -> None:
    def two(environment: str) -> bytes:
        parts = (CONFIG.replace("app", f"{name}-{environment}") + f"  {name}: '1'\n" for name in ("one", "two"))
        return "---\n".join(parts).encode()

    files = tree({"overlays/dev/c.yaml": two("dev"), "overlays/prod/c.yaml": two("prod")})
    result = compare_environments(files, DEFAULT, ENVIRONMENTS)
    assert [(row.key, row.state) for row in result.files[0].keys] == [
        (("ConfigMap", "one-*", ("one",)), "same"),
        (("ConfigMap", "two-*", ("two",)), "same"),
    ]


def test_types_that_differ_are_told_without_a_key(sops: Sops) -> None:
    files = tree(
        {
            "overlays/dev/v.yaml": sops.encrypted("a: 5\nb: x\n"),
            "overlays/prod/v.yaml": sops.encrypted("a: five\nb: x\n"),
        }
    )
    result = compare_environments(files, DEFAULT, ENVIRONMENTS)
    assert states(result) == {"a": "kind", "b": "present"}


def test_a_value_that_is_encrypted_in_one_environment_only_is_told(sops: Sops) -> None:
    files = tree(
        {
            "k8s/gitops/dev/s.yaml": f"{SECRET}  a: x\n".encode(),
            "k8s/gitops/prod/s.yaml": sops.encrypted(f"{SECRET}  a: x\n", *RULE),
        }
    )
    assert states(compare_environments(files, DEFAULT, ENVIRONMENTS)) == {"a": "protection"}


def test_readable_values_are_compared() -> None:
    files = tree(
        {
            "overlays/dev/c.yaml": f"{CONFIG}  a: x\n  b: 1\n  c: z\n".encode(),
            "overlays/prod/c.yaml": f"{CONFIG}  a: x\n  b: 2\n  c: 3\n".encode(),
        }
    )
    assert states(compare_environments(files, DEFAULT, ENVIRONMENTS)) == {"a": "same", "b": "different", "c": "kind"}


# --- with a key


DEV = "  same: canary-secret-value\n  short: pin1234\n  other: canary-one-value\n"
PROD = "  same: canary-secret-value\n  short: pin1234\n  other: canary-two-value\n"


def test_equality_is_not_told_unless_it_is_asked_for(sops: Sops, opener: Opener) -> None:
    result = compare_environments(both(sops, DEV, PROD), DEFAULT, ENVIRONMENTS, opener)
    assert states(result) == {"same": "present", "short": "present", "other": "present"}
    assert [row.equal for row in result.files[0].keys] == [(), (), ()]


def test_equality_is_told_of_values_that_cannot_be_guessed(sops: Sops, opener: Opener) -> None:
    result = compare_environments(both(sops, DEV, PROD), DEFAULT, ENVIRONMENTS, opener, equality=True)
    assert states(result) == {"same": "same", "short": "present", "other": "different"}
    assert "canary" not in repr(result)


def test_without_a_key_equality_is_not_known(sops: Sops) -> None:
    result = compare_environments(both(sops, DEV, PROD), DEFAULT, ENVIRONMENTS, None, equality=True)
    assert set(states(result).values()) == {"present"}


def test_a_readable_value_that_is_encrypted_elsewhere_is_equal_only_on_request(sops: Sops, opener: Opener) -> None:
    files = {
        "k8s/gitops/dev/s.yaml": (SECRET + DEV).encode(),
        "k8s/gitops/prod/s.yaml": sops.encrypted(SECRET + PROD, *RULE),
    }
    asked = compare_environments(tree(files), DEFAULT, ENVIRONMENTS, opener, equality=True)
    assert [row.equal for row in asked.files[0].keys] == [((0, 1),), (), ()]
    silent = compare_environments(tree(files), DEFAULT, ENVIRONMENTS, opener)
    assert [row.equal for row in silent.files[0].keys] == [(), (), ()]


def test_with_a_key_kinds_are_those_of_the_plaintexts(sops: Sops, opener: Opener) -> None:
    files = both(sops, "  u: https://host.example/x\n  t: hello there\n", "  u: host.example\n  t: s3cr3t-Pa55w0rd!\n")
    result = compare_environments(files, DEFAULT, ENVIRONMENTS, opener)
    assert states(result) == {"u": "kind", "t": "present"}


def test_files_that_no_key_opens_are_told(sops: Sops, bob: AgeTestKey) -> None:
    opener = Opener(FixedKeyring((parse_identity(bob.identity),)))
    result = compare_environments(both(sops, DEV, PROD), DEFAULT, ENVIRONMENTS, opener, equality=True)
    assert result.closed == ("k8s/gitops/dev/app/secrets.yaml", "k8s/gitops/prod/app/secrets.yaml")
    assert set(states(result).values()) == {"present"}

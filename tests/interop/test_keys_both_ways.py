"""Every kind of key and key groups, wrapped by one program and unwrapped by the other."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit import age
from sopskit.errors import DataKeyError
from sopskit.pgp import Gpg
from sopskit.sops.masterkeys import AgeKey, FixedKeyring, PgpKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey, World
    from tests.interop.conftest import Ours, Released

TEXT = b"a: one # note\nb:\n    - 2\n    - true\n"
CREATED = "2026-01-02T03:04:05Z"


def test_hybrid_keys_go_both_ways(released: Released, ours: Ours, hybrid_key: AgeTestKey) -> None:
    ours.recipient = released.recipient = hybrid_key.recipient
    released.environ["SOPS_AGE_KEY_FILE"] = str(hybrid_key.path)
    ours.keyring = FixedKeyring((age.parse_identity(hybrid_key.identity),))
    assert released.decrypt_to_tree(ours.encrypt(TEXT, "yaml"), "yaml") == {"a": "one", "b": [2, True]}
    assert b"a: one" in ours.decrypt(released.encrypt(TEXT, "yaml"), "yaml")


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_ssh_keys_go_both_ways(
    released: Released, ours: Ours, tmp_path: Path, kind: str, tool: Callable[[str], str]
) -> None:
    key = tmp_path / f"test-only-{kind}"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test only", "-f", str(key)], check=True)
    ours.recipient = released.recipient = key.with_suffix(".pub").read_text().strip()
    del released.environ["SOPS_AGE_KEY_FILE"]
    released.environ["SOPS_AGE_SSH_PRIVATE_KEY_FILE"] = str(key)
    ours.keyring = FixedKeyring((age.parse_ssh_identity(key.read_bytes(), None),))
    assert released.decrypt_to_tree(ours.encrypt(TEXT, "yaml"), "yaml") == {"a": "one", "b": [2, True]}
    assert b"a: one" in ours.decrypt(released.encrypt(TEXT, "yaml"), "yaml")


def test_pgp_keys_go_both_ways(released: Released, ours: Ours, pgp_key: str, world: World) -> None:
    del released.environ["SOPS_AGE_KEY_FILE"]
    ours.gpg = Gpg(None, str(world.gnupg))
    ours.keyring = FixedKeyring(pgp=ours.gpg)
    encrypted = ours.encrypt(TEXT, "yaml", groups=((PgpKey(pgp_key, CREATED),),))
    assert released.decrypt_to_tree(encrypted, "yaml") == {"a": "one", "b": [2, True]}
    assert b"a: one" in ours.decrypt(released.encrypt(TEXT, "yaml", "--pgp", pgp_key), "yaml")


def test_key_groups_go_both_ways(
    released: Released, ours: Ours, alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    groups = ((AgeKey(alice.recipient),), (AgeKey(bob.recipient),), (AgeKey(cluster_key.recipient),))
    both = released.folder / "test-only-both.txt"
    both.write_text(f"{alice.identity}\n{cluster_key.identity}\n")
    released.environ["SOPS_AGE_KEY_FILE"] = str(both)
    encrypted = ours.encrypt(TEXT, "yaml", groups=groups, threshold=2)
    assert released.decrypt_to_tree(encrypted, "yaml") == {"a": "one", "b": [2, True]}
    config = "".join(f"          - age: [{key.recipient}]\n" for key in (alice, bob, cluster_key))
    (released.folder / ".sops.yaml").write_text(
        f"creation_rules:\n    - shamir_threshold: 2\n      key_groups:\n{config}"
    )
    (released.folder / "plain.yaml").write_bytes(TEXT)
    theirs = released.run("encrypt", "plain.yaml").stdout
    with pytest.raises(DataKeyError, match="2 key groups are needed"):
        ours.decrypt(theirs, "yaml")
    ours.keyring = FixedKeyring(tuple(age.parse_identity(key.identity) for key in (bob, cluster_key)))
    assert b"a: one" in ours.decrypt(theirs, "yaml")
    assert ours.decrypt(encrypted, "yaml") == TEXT

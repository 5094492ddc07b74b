"""krm: the keys of a mounted Secret are the only ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cli.running import sopskit

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.conftest import AgeTestKey


def test_a_wrong_key_does_not_fall_back_to_the_right_one_at_hand(
    secret: Path, tmp_path: Path, alice: AgeTestKey, bob: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY", alice.identity)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "age.agekey").write_bytes(bob.path.read_bytes())
    generator = {
        "apiVersion": "sopskit/v1",
        "kind": "SopsGenerator",
        "metadata": {"name": "secrets"},
        "files": [secret.name],
    }
    request = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "functionConfig": generator}
    stdin = json.dumps({**request, "items": []}).encode()
    done = sopskit("krm", "--keys", tmp_path / "keys", stdin=stdin)
    assert (done.code, b"correct horse" in done.out, b"severity: error" in done.out) == (128, False, True)

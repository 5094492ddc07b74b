"""The package's public names, and what is not loaded for an X25519 file."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from sopskit import age
from tests.age.known_answers import PEERS
from tests.source_tree import ROOT

OPEN = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
peers = Path(sys.argv[2])
from sopskit import age
before = sorted(name for name in sys.modules if name.startswith(("sopskit", "cryptography")))
identity = next(line for line in (peers / "identities.txt").read_text().splitlines() if line.startswith("AGE-"))
plaintext = age.decrypt((peers / "x25519.go.armor.age").read_bytes(), [age.parse_identity(identity)])
assert plaintext == bytes(range(32))
print(json.dumps([before, sorted(sys.modules)]))
"""


def test_public_names_are_there_and_are_all() -> None:
    assert sorted(age.__all__) == [name for name in dir(age) if name in age.__all__]
    assert set(dir(age)) == set(age.__all__)
    for name in age.__all__:
        assert getattr(age, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'decrpyt'"):
        age.decrpyt  # type: ignore[attr-defined]  # noqa: B018


def test_an_x25519_file_needs_no_other_kind_of_key() -> None:
    command = [sys.executable, "-c", OPEN, str(ROOT), str(PEERS)]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    before, after = json.loads(output)
    assert before == ["sopskit", "sopskit.age"]
    assert [name for name in after if name.startswith("sopskit.")] == [
        "sopskit.age",
        "sopskit.age.armor",
        "sopskit.age.bech32",
        "sopskit.age.file",
        "sopskit.age.header",
        "sopskit.age.parse",
        "sopskit.age.payload",
        "sopskit.age.primitives",
        "sopskit.age.x25519",
        "sopskit.errors",
        "sopskit.secret",
    ]
    unwanted = {
        *("bcrypt", "base64", "dataclasses", "hashlib", "hmac", "inspect"),
        "cryptography.hazmat.primitives.asymmetric.mlkem",
        "cryptography.hazmat.primitives.kdf",
        "cryptography.hazmat.primitives.serialization",
    }
    assert sorted(unwanted & set(after)) == []

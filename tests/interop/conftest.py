"""Both sides of an exchange of files: the released sops as a process, sopskit as a library."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sopskit import age
from sopskit.document import format_for_name, parse
from sopskit.pgp import Gpg
from sopskit.sops import crypt, datakey
from sopskit.sops.masterkeys import AgeKey, FixedKeyring, KeyGroup
from sopskit.sops.metadata import Metadata
from sopskit.sops.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

SUFFIXES = {"yaml": ".yaml", "json": ".json", "dotenv": ".env", "ini": ".ini", "binary": ".bin"}
DEFAULT_RULE = Selection("unencrypted_suffix", "_unencrypted")


class Released:
    """The released sops, in a folder of its own."""

    def __init__(self, program: str, folder: Path, key: AgeTestKey) -> None:
        self.program = program
        self.folder = folder
        self.environ = {**os.environ, "SOPS_AGE_KEY_FILE": str(key.path)}
        self.recipient = key.recipient

    def run(self, *arguments: str, source: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self.program, *arguments],
            cwd=self.folder,
            env=self.environ,
            input=source,
            capture_output=True,
            check=False,
        )

    def encrypt(self, source: bytes, name: str, *options: str) -> bytes:
        path = self.folder / f"plain{SUFFIXES[name]}"
        path.write_bytes(source)
        keys = () if "--age" in options or "--pgp" in options else ("--age", self.recipient)
        result = self.run("encrypt", *keys, *options, path.name)
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout

    def decrypt(self, source: bytes, name: str, *options: str) -> bytes:
        path = self.folder / f"encrypted{SUFFIXES[name]}"
        path.write_bytes(source)
        result = self.run("decrypt", *options, path.name)
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout

    def reads(self, source: bytes, name: str) -> bool:
        """Whether sops reads a file: there are some of its own that it does not (SOPS 11.39, `-0.0` in clear in JSON)."""
        (self.folder / f"own{SUFFIXES[name]}").write_bytes(source)
        return self.run("decrypt", f"own{SUFFIXES[name]}").returncode == 0

    def tree_of(self, plain: bytes) -> Any:
        """The tree that sops reads in a plaintext YAML file; other libraries take `1e+21` for a string."""
        return self.decrypt_to_tree(self.encrypt(plain, "yaml", "--unencrypted-suffix", "_nothing"), "yaml")

    def decrypt_to_tree(self, source: bytes, name: str) -> Any:
        return json.loads(self.decrypt(source, name, "--output-type", "json"))


class Ours:
    """sopskit, with one age key unless told otherwise."""

    def __init__(self, key: AgeTestKey) -> None:
        self.recipient = key.recipient
        self.keyring = FixedKeyring((age.parse_identity(key.identity),))
        self.gpg = Gpg(None, None)

    def encrypt(
        self,
        source: bytes,
        name: str,
        rule: Selection = DEFAULT_RULE,
        *,
        groups: tuple[KeyGroup, ...] | None = None,
        mac_only_encrypted: bool = False,
        threshold: int = 0,
    ) -> bytes:
        document = parse(source, format_for_name(name))
        groups = groups or ((AgeKey(self.recipient),),)
        metadata = Metadata(
            groups=groups, shamir_threshold=threshold, selection=rule, mac_only_encrypted=mac_only_encrypted
        )
        data_key = datakey.generate()
        metadata = datakey.wrap_data_key(metadata, data_key, self.gpg)
        return crypt.seal_file(document, metadata, data_key, now=datetime.now(UTC)).document.to_bytes()

    def open(self, source: bytes, name: str) -> crypt.Opened:
        return crypt.open_file(crypt.load(source, format_for_name(name)), self.keyring)

    def decrypt(self, source: bytes, name: str) -> bytes:
        return self.open(source, name).plain.to_bytes()


@pytest.fixture
def released(tool: Callable[[str], str], tmp_path: Path, alice: AgeTestKey) -> Released:
    return Released(tool("sops"), tmp_path, alice)


@pytest.fixture
def ours(alice: AgeTestKey) -> Ours:
    return Ours(alice)

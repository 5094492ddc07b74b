"""A GitOps repository with an environment for each reader, encrypted by sopskit, whose values a test chooses and changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from tests.cli.running import sopskit
from tests.cluster.environment_files import Values, environment_files, shared_files, standard_values
from tests.conftest import KEYS
from tests.repositories import Git, init

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey


class Reader(NamedTuple):
    """Who can read an environment: age recipients and PGP fingerprints, separated by commas, and the private keys.

    These are as in a Secret for sopskit or Flux: texts by their data keys.
    """

    age: str = ""
    pgp: str = ""
    private: Mapping[str, str] = MappingProxyType({})

    def mounted(self, folder: Path) -> Path:
        """Write the private keys into a new folder, as a kubelet does."""
        folder.mkdir()
        for name, text in self.private.items():
            (folder / name).touch(0o600)
            (folder / name).write_text(text)
        return folder


def age_reader(key: AgeTestKey) -> Reader:
    """Whoever has this key."""
    return Reader(age=key.recipient, private={"test-only.agekey": f"{key.identity}\n"})


def pgp_reader(fingerprint: str) -> Reader:
    """Whoever has the published PGP key, whose fingerprint it is."""
    return Reader(pgp=fingerprint, private={"test-only.asc": (KEYS / "test-only-pgp.asc").read_text()})


class Environments:
    """The repository. Its environments live in namespaces `<prefix><environment>`, each of which is part of the tree."""

    def __init__(self, git: Git, readers: Mapping[str, Reader], prefix: str, values: Mapping[str, Values]) -> None:
        """Nothing is written yet; `write` makes one."""
        self.git = git
        self.readers = readers
        self.prefix = prefix
        self.values = dict(values)
        self._written: dict[str, str] = {}

    def folder(self, environment: str) -> Path:
        """What is rendered for an environment."""
        return self.git.folder / "k8s" / "gitops" / environment

    def namespace(self, environment: str) -> str:
        """Where its objects go."""
        return self.prefix + environment

    def change(self, environment: str, values: Values) -> str:
        """Commit other values of an environment, in the files that hold them and no others; gives the commit's id."""
        self.values[environment] = values
        return self.commit(f"{environment}: other values")

    def commit(self, message: str) -> str:
        """Write every file whose text is another than before, encrypt what is secret, and commit; gives the id."""
        plain, secret = {".sops.yaml": self._rules()}, dict[str, str]()
        parts = [shared_files()]
        parts += [environment_files(name, self.namespace(name), values) for name, values in self.values.items()]
        for part in parts:
            plain |= part.plain
            secret |= part.secret
        for path, text in (plain | secret).items():
            if self._written.get(path) != text:
                self.git.write(path, text.encode())
        changed = [self.git.folder / path for path, text in secret.items() if self._written.get(path) != text]
        if changed:
            done = sopskit("encrypt", "--config", self.git.folder / ".sops.yaml", "--in-place", *changed)
            assert done.code == 0, done.err
        self._written = plain | secret
        return self.git.commit({}, message)

    def copied(self, folder: Path, prefix: str) -> Environments:
        """The same repository for other namespaces, with the same ciphertext."""
        shutil.copytree(self.git.folder, folder)
        copy = Environments(Git(folder), self.readers, prefix, self.values)
        copy._written = dict(self._written)
        copy.commit("other namespaces")
        return copy

    def _rules(self) -> str:
        """A creation rule for each environment, and one for what they share."""
        lines = ["creation_rules:"]
        for name, reader in self.readers.items():
            lines += _rule(rf"^k8s/(gitops/{name}/.*|helm-values/[^/]+/{name}-config)\.yaml$", reader)
            lines += [f"  - path_regex: ^k8s/gitops/{name}/", *_recipients(reader)]
        readers = self.readers.values()
        everybody = Reader(_joined(reader.age for reader in readers), _joined(reader.pgp for reader in readers))
        lines += _rule("^k8s/components/", everybody)
        return "\n".join([*lines, ""])


def write(
    folder: Path, readers: Mapping[str, Reader], *, prefix: str = "", values: Mapping[str, Values] | None = None
) -> Environments:
    """Make the repository in a new folder, and commit it. What `values` does not name has `standard_values`."""
    chosen = {name: standard_values(name) for name in readers} | dict(values or {})
    made = Environments(init(folder), readers, prefix, chosen)
    made.commit("the first version")
    return made


def _rule(pattern: str, reader: Reader) -> list[str]:
    selection = "    encrypted_regex: ^(data|stringData|secrets|auths)$"
    return [f"  - path_regex: {pattern}", selection, *_recipients(reader)]


def _recipients(reader: Reader) -> list[str]:
    return [f"    {kind}: {keys}" for kind, keys in (("age", reader.age), ("pgp", reader.pgp)) if keys]


def _joined(keys: Iterable[str]) -> str:
    return ",".join(filter(None, keys))

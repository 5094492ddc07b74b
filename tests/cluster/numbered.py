"""A repository whose commits are numbered, and whose every object says of which commit it is."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.cli.running import sopskit
from tests.repositories import init

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey

FOLDER = "k8s/gitops/dev"
RULES = """\
creation_rules:
  - path_regex: secret\\.yaml$
    encrypted_regex: ^stringData$
    age: {recipient}
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {{name: app}}\nstringData: {{number: test-only-{number}}}\n"
CONFIGMAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{number: "{number}"}}\n'


class Numbered:
    """The work tree and the bare repository `config.git` that it is pushed to.

    A commit has an encrypted Secret `app`, a ConfigMap `settings`, as many others as are wanted (`settings-0` and so on),
    and one that no other commit has: `only-NUMBER`.
    """

    def __init__(self, folder: Path, reader: AgeTestKey, others: int = 0) -> None:
        """Pushes the commit 0."""
        self._names = ["settings", *(f"settings-{number}" for number in range(others))]
        self.remotes = folder / "remotes"
        self.remotes.mkdir(parents=True)
        self._bare = str(self.remotes / "config.git")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self._bare], check=True)
        self.git = init(folder / "numbered")
        self.git.write(".sops.yaml", RULES.format(recipient=reader.recipient).encode())
        self.number = -1
        self.push()

    def push(self) -> str:
        """Commit the next number and push it; the commit's id."""
        self.number += 1
        secret = self.git.write(f"{FOLDER}/secret.yaml", SECRET.format(number=self.number).encode())
        done = sopskit("encrypt", "--config", self.git.folder / ".sops.yaml", "--in-place", secret)
        assert done.code == 0, done.err
        (self.git.folder / FOLDER / f"only-{self.number - 1}.yaml").unlink(missing_ok=True)
        for name in (*self._names, f"only-{self.number}"):
            text = CONFIGMAP.format(name=name, number=self.number)
            self.git.write(f"{FOLDER}/{name}.yaml", text.encode())
        commit = self.git.commit({}, f"number {self.number}")
        self.git("push", "--quiet", self._bare, "HEAD:refs/heads/main")
        return commit

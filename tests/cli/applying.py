"""A repository and a cluster for `sopskit apply`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.canary.canaries import Canary, Scanner, token
from tests.cli.running import Done, sopskit
from tests.deploy.conftest import Tree
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey

ENCRYPTED = ("--encrypted-regex", "^(data|stringData)$")


def manifest(name: str, **entries: str) -> str:
    lines = "".join(f"    {key}: {value}\n" for key, value in entries.items())
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n    name: {name}\nstringData:\n{lines}"


class Case:
    """A repository with one encrypted Secret in `dev`, and a kubeconfig."""

    def __init__(self, tree: Tree, cluster: Cluster, namespace: str, environ: dict[str, str]) -> None:
        self.tree = tree
        self.cluster = cluster
        self.namespace = namespace
        self.environ = environ
        self.canary = token()
        self.tree.encrypted("dev/secret.yaml", manifest("app", password=self.canary), *ENCRYPTED)

    def use(self, *, user: str = "admin", server: str = "") -> None:
        """Write the kubeconfig."""
        path = Path(self.environ["KUBECONFIG"])
        self.cluster.kubeconfig(path, user=user, server=server, namespace=self.namespace)

    def apply(self, *options: str | Path, stdin: bytes = b"", terminals: str = "") -> Done:
        """Run it on `dev`."""
        words = ("apply", self.tree.folder / "dev", *options)
        done = sopskit(*words, environ=self.environ, stdin=stdin, terminals=terminals)
        assert not list(Scanner([Canary("password", self.canary)]).scan(done.out + done.err.encode(), "output"))
        return done

    def lines(self, *options: str | Path) -> list[str]:
        """The lines of its output, which must be all it says."""
        done = self.apply(*options)
        assert (done.code, done.err) == (0, "")
        return done.out.decode().replace(self.namespace, "NS").splitlines()


def made_case(folder: Path, cluster: Cluster, namespace: str, tool: Callable[[str], str], alice: AgeTestKey) -> Case:
    """The files are encrypted for alice, whose key is in the environment."""
    environ = {
        "KUBECONFIG": str(folder / "kubeconfig"),
        "SOPS_AGE_KEY": alice.identity,
        "PATH": f"{Path(tool('kustomize')).parent}{os.pathsep}{os.environ['PATH']}",
    }
    git = init(folder / "repository")
    case = Case(Tree(git.folder.resolve(), tool("sops"), alice), cluster, namespace, environ)
    case.use()
    return case

"""A bare repository of our own, in which one branch is kept; read with nobody's configuration."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sopskit.errors import GitError
from sopskit.git.bounded import Program, running
from sopskit.git.objects import Objects
from sopskit.git.plumbing import Plumbing
from sopskit.git.programs import absolute_folders, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REF = "refs/sopskit/branch"
PARTS = frozenset(("HEAD", "objects", "refs"))  # of every repository
MOST_PACKS = 30  # each fetch adds one
NOBODYS = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent"}


class StorePlumbing(Plumbing):
    """Starts git on one bare repository."""

    __slots__ = ("store",)

    def __init__(self, store: Path, search_path: str) -> None:
        """Raises `GitError` if there is no git in an absolute folder of `search_path`."""
        super().__init__(store, {"PATH": search_path}, untrusted=store)
        self.store = store
        self._environment.update(NOBODYS)
        self._command.append("--git-dir=.")

    def objects(self) -> Objects:
        """A reader of its objects; whoever asked closes it."""
        return Objects(self)

    def tip(self) -> str:
        """The commit that was fetched last. Raises `GitError` if there is none."""
        return self.output("rev-parse", "--verify", "--end-of-options", f"{REF}^{{commit}}").decode("ascii").strip()

    def tidy(self) -> None:
        """Drop what a fetch that was killed left, and now and then what earlier ones brought, but for the last hour's.

        Somebody may still read that. Nobody else may fetch meanwhile.
        """
        packs = self.store / "objects" / "pack"
        names = os.listdir(packs) if packs.is_dir() else []
        for name in names:
            if name.startswith("tmp_"):
                (packs / name).unlink(missing_ok=True)
        if sum(name.endswith(".pack") for name in names) > MOST_PACKS:
            self.run(
                "-c", "gc.packRefs=false", "gc", "--quiet", "--prune=1.hour.ago"
            )  # what it cannot do now it can do the next time


def cached_tip(store: Path) -> str | None:
    """The commit that was fetched last, if that is told by one short file; else None."""
    try:
        return (store / REF).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


@contextmanager
def reading(store: Path, commit: str) -> Iterator[None]:
    """Read a commit. If it was fetched and is not whole any more, the store is deleted: the next fetch brings all again."""
    try:
        yield
    except GitError:
        if cached_tip(store) == commit:
            remove_store(store)
        raise


def make_store(store: Path, object_format: str, search_path: str) -> bool:
    """Have a bare repository of this format (`sha1` or `sha256`) there; whether it had to be made. Raises `GitError`.

    One of the other format makes place: a store is a copy and nothing but.
    """
    try:
        configuration = (store / "config").read_bytes()
    except OSError:
        configuration = None
    if configuration is not None and (b"objectformat = sha256" in configuration) == (object_format == "sha256"):
        return False
    remove_store(store)
    _init(store, object_format, search_path)
    return True


def _init(store: Path, object_format: str, search_path: str) -> None:
    try:
        store.mkdir(0o700, parents=True)
    except OSError as error:
        raise GitError(f"no folder for the fetched branch can be made: {(error.strerror or '').lower()}") from None
    words = ["init", "--quiet", "--bare", "--template=", f"--object-format={object_format}", str(store)]
    environ = {**NOBODYS, "PATH": absolute_folders(search_path), "LC_ALL": "C"}
    with running(Program([find_program("git", search_path), *words], environ), 60.0) as git:
        git.complaint()
        status = git.status()
    if status:
        raise GitError(
            f"git init failed with exit status {status}", hint="is there room on the device, and may we write?"
        )


def remove_store(store: Path) -> None:
    """Delete a store; nothing is lost that could not be fetched. Raises `GitError` if something else is there."""
    try:
        names = set(os.listdir(store))
    except FileNotFoundError:
        return
    except OSError as error:
        raise GitError(f"the fetched branch cannot be kept: {(error.strerror or '').lower()}").at(
            file=str(store)
        ) from None
    if names and not names & PARTS:
        raise GitError("a folder with other things in it cannot take a fetched branch").at(file=str(store))
    shutil.rmtree(store, ignore_errors=True)

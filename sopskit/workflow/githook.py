"""The pre-commit hook that runs `sopskit check --staged`. A hook of somebody else's is never touched."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from sopskit.workflow import files

if TYPE_CHECKING:
    from sopskit.git.worktree import HooksFolder
    from sopskit.workflow.files import Seen

NAME = "pre-commit"
FRAMEWORK = ".pre-commit-config.yaml"
LIMIT = 1024 * 1024  # bytes
COMMAND = "sopskit check"
LINE = "sopskit check --staged || exit 1"
HOOK = b"""\
#!/bin/sh
# Made by sopskit init: nothing is committed before it was checked.
if ! command -v sopskit >/dev/null 2>&1; then
    echo "pre-commit: sopskit is not on the PATH, so this commit cannot be checked for plain text and is refused" >&2
    echo "pre-commit: install sopskit or activate its environment; git commit --no-verify skips the check" >&2
    exit 1
fi
exec sopskit check --staged
"""
FRAMEWORK_HOOK = """\
  - repo: local
    hooks:
      - {id: sopskit-check, name: sopskit check, entry: sopskit check --staged, language: system, pass_filenames: false}"""


class Hook(NamedTuple):
    """What is to be done about the hook: write to `seen`, nothing because it is `there`, or `advice` for the user.

    `path` is where git looks for it.
    """

    path: str
    seen: Seen | None = None
    there: bool = False
    advice: str | None = None


def plan_hook(root: str, folder: HooksFolder, git_folder: str) -> Hook:
    """Look at the hook of the repository at `root`. Raises `FileAccessError` and `LimitError` for one that cannot be read.

    It is only written below `root` or `git_folder`: elsewhere other repositories may use it too.
    """
    path = os.path.join(folder.path, NAME)
    framework = _framework(root)
    if framework is not None and b"sopskit" in framework:
        return Hook(path, there=True)
    if os.path.lexists(path):
        return _plan_existing(path, framework)
    if framework is not None:
        return Hook(path, advice=_framework_advice())
    if folder.shared or not (_is_below(path, root) or _is_below(path, git_folder)):
        return Hook(
            path,
            advice=f"core.hooksPath leads to {folder.path}, which other repositories may use as well: "
            f"add this line to {path} yourself:\n  {LINE}",
        )
    return Hook(path, seen=files.look(path))


def _plan_existing(path: str, framework: bytes | None) -> Hook:
    data = files.read(path, limit=LIMIT).data if os.path.isfile(path) else None
    if data == HOOK:
        executable = os.access(path, os.X_OK)
        return Hook(path, seen=None if executable else files.read(path), there=executable)
    if data is not None and _runs_check(data):
        return Hook(path, there=True)
    if framework is not None:
        return Hook(path, advice=_framework_advice())
    return Hook(path, advice=f"{path} is not sopskit's and stays as it is; add this line to it:\n  {LINE}")


def _runs_check(script: bytes) -> bool:
    lines = script.decode("utf-8", "replace").splitlines()
    return any(COMMAND in line for line in lines if not line.lstrip().startswith("#"))


def _framework(root: str) -> bytes | None:
    """The configuration of the program called pre-commit, which installs a hook of its own."""
    path = os.path.join(root, FRAMEWORK)
    return files.read(path, limit=LIMIT).data if os.path.isfile(path) else None


def _framework_advice() -> str:
    return f"pre-commit is set up here; add this to {FRAMEWORK}:\n{FRAMEWORK_HOOK}"


def _is_below(path: str, folder: str) -> bool:
    return os.path.realpath(path).startswith(os.path.realpath(folder) + os.sep)


def make_executable(path: str) -> None:
    """Let everybody run a file who may read it."""
    mode = stat.S_IMODE(os.stat(path).st_mode)
    os.chmod(path, mode | (mode & 0o444) >> 2)

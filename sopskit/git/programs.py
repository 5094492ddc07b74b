"""Programs, looked for in the absolute folders of a PATH only."""

from __future__ import annotations

import os
import shutil

from sopskit.errors import GitError


def absolute_folders(search_path: str) -> str:
    """A PATH without relative folders: they would be of whatever folder one stands in."""
    return os.pathsep.join(folder for folder in search_path.split(os.pathsep) if os.path.isabs(folder))


def find_program(name: str, search_path: str) -> str:
    """Where a program is. Raises `GitError` if it is nowhere."""
    folders = absolute_folders(search_path)
    program = shutil.which(name, path=folders) if folders else None
    if program is None:
        raise GitError(f"the program {name} was not found", hint=f"install {name}, or add its folder to PATH")
    return program

"""Where a file lies in memory, and on no disk."""

from __future__ import annotations

import os

# of Linux (shm_overview(7)), and writable for all: a folder of ours in it has a random name and mode 0700
SHARED_MEMORY = "/dev/shm"  # noqa: S108
FILE_SYSTEMS = frozenset(("tmpfs", "ramfs"))
MOUNTS = "/proc/self/mountinfo"


def is_in_memory(folder: str) -> bool:
    """Whether a folder is on a file system in memory, as the kernel tells (proc(5), mountinfo); False if it does not."""
    folder = os.path.realpath(folder)
    found, best = "", ""
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields, _, source = line.partition(" - ")
                point = fields.split(" ")[4].replace("\\040", " ")
                inside = folder == point or folder.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= len(best):
                    best, found = point, source.split(" ", 1)[0]
    except (OSError, IndexError):
        return False
    return found in FILE_SYSTEMS

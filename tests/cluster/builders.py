"""Programs that build manifests, as slowly as a test wants."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.reconciler import until

# kustomize, as soon as a file is away
HELD = """\
#!/bin/sh
echo $$ >> {folder}/pids
while [ -e {folder}/hold ]; do /bin/sleep 0.05; done
exec {program} "$@"
"""


def held_kustomize(folder: Path, program: str) -> Path:
    """A folder with a kustomize that waits while the file `hold` is there; its numbers are in `pids`."""
    folder.mkdir()
    (folder / "hold").touch()
    (folder / "pids").touch()
    script = folder / "kustomize"
    script.write_text(HELD.format(folder=folder, program=program))
    script.chmod(0o755)
    return folder


def wait_for_builds(folder: Path, count: int) -> int:
    """Wait until so many builds have begun; the number of the last one's process."""
    begun = until(lambda: (folder / "pids").read_text().split(), lambda found: len(found) == count, "a build")
    return int(begun[-1])


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False

"""What an editor gets to see."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tests.cli.running import sopskit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey


def test_a_private_key_in_the_environment_does_not_reach_the_editor(
    ours: Path, folder: Path, alice: AgeTestKey
) -> None:
    editor = folder.parent / "editor"
    seen = folder.parent / "seen"
    editor.write_text(f'#!/bin/sh\nenv > {shlex.quote(str(seen))}\necho "new: value" >> "$1"\n')
    editor.chmod(0o755)
    keys = {"SOPS_AGE_KEY": alice.identity, "SOPS_AGE_KEY_FILE": "/nowhere", "EDITOR": shlex.quote(str(editor))}
    done = sopskit("edit", ours, environ=keys)
    assert done.code == 0, done.err
    assert "PATH=" in seen.read_text()
    assert alice.identity not in seen.read_text()

"""Files encrypted by the real sops."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Encrypt: TypeAlias = "Callable[..., Path]"

CONTENTS = {
    ".env": "PASSWORD=correct horse\n",
    ".ini": "[db]\npassword = correct horse\n",
    ".json": '{"password": "correct horse"}\n',
    ".txt": "correct horse\n",
    ".yaml": "password: correct horse\n",
}


@pytest.fixture
def encrypt(tool: Callable[[str], str]) -> Encrypt:
    """`encrypt(path, recipient...)` makes an encrypted file; without recipients the `.sops.yaml` above it names them."""

    def run(path: Path, *recipients: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CONTENTS[path.suffix])
        options = ["--age", ",".join(recipients)] if recipients else []
        subprocess.run(
            [tool("sops"), "encrypt", *options, "-i", path], check=True, capture_output=True, cwd=path.parent
        )
        return path

    return run

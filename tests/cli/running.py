"""Running sopskit in this process, with streams of its own."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.cli.context import Context
from sopskit.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Done(NamedTuple):
    """What a run gave."""

    code: int
    out: bytes
    err: str


def sopskit(
    *argv: str | Path, stdin: bytes = b"", environ: Mapping[str, str] | None = None, terminals: str = ""
) -> Done:
    """Run one command line in the current folder and environment."""
    out, err = io.BytesIO(), io.StringIO()
    context = Context(
        stdin=io.BytesIO(stdin),
        stdout=out,
        stderr=err,
        environ={**os.environ, **(environ or {})},
        terminals=frozenset(terminals.split()),
    )
    code = main([str(word) for word in argv], context)
    return Done(code, out.getvalue(), err.getvalue())

"""A notice to begin with."""

from __future__ import annotations

from sopskit.deploy.notify.message import Notice

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOTICE = Notice(
    source="dev/app",
    kind="applied",
    revision=COMMIT,
    summary="1 created from 0123456",
    lines=("+ Secret dev/app", "~ ConfigMap dev/app"),
    repository="https://github.com/team/config.git",
    branch="main",
    cluster="staging",
    time=1764000000.5,
)

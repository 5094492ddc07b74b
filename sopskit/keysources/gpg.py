"""The user's gpg: SOPS_GPG_EXEC and GNUPGHOME."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.pgp import Gpg


def gpg_from_environment(environ: Mapping[str, str]) -> Gpg:
    """The gpg that sops would run; nothing is started.

    GPG_TTY is filled in if it is missing, so that a pinentry for the terminal works without the usual export.
    """
    from sopskit.pgp import Gpg

    passed = dict(environ)
    if "GPG_TTY" not in passed and (terminal := terminal_name()):
        passed["GPG_TTY"] = terminal
    return Gpg(environ.get("SOPS_GPG_EXEC") or None, environ.get("GNUPGHOME") or None, environment=passed)


def terminal_name(descriptors: Sequence[int] = (0, 2, 1)) -> str | None:
    """The device of the terminal that one of the standard streams is, if any is."""
    for descriptor in descriptors:
        try:
            return os.ttyname(descriptor)
        except OSError:
            continue
    return None

"""PGP: wrapping a data key with the user's gpg, and opening what was wrapped. Reads no environment.

gpg does the cryptography, python-gnupg builds its arguments and reads its answers. This package adds what
neither gives: an answer counts only if the exit code, the status lines and the length all say so, and a
gpg that hangs or floods is ended with everything it started.
"""

from __future__ import annotations

from sopskit.pgp.gpg import Gpg
from sopskit.pgp.wrapping import is_fingerprint, unwrap, wrap

__all__ = ["Gpg", "is_fingerprint", "unwrap", "wrap"]

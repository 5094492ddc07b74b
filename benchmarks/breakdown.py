"""Where the time of a large file goes: the steps of one run, in one process, in microseconds a value."""

from __future__ import annotations

import gc
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks import samples
from benchmarks.tasks import Result
from sopskit import age
from sopskit.document import format_for_name, parse
from sopskit.pgp import Gpg
from sopskit.sops import crypt, datakey
from sopskit.sops.masterkeys import AgeKey, FixedKeyring
from sopskit.sops.metadata import Metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.sops.crypt import Opened, SopsFile


def breakdown(keys: int, rounds: int) -> Result:
    """The best of some rounds for each step; the cyclic collector rests, as in the console script."""
    identity = age.generate_x25519()
    keyring = FixedKeyring((identity,))
    yaml = format_for_name("yaml")
    source = samples.helm_values(keys).encode()
    data_key = datakey.generate()
    unwrapped = Metadata(groups=((AgeKey(str(identity.recipient())),),))
    metadata = datakey.wrap_data_key(unwrapped, data_key, Gpg(None, None))

    def seal() -> SopsFile:
        return crypt.seal_file(plain, metadata, data_key, now=datetime.now(UTC))

    def open_() -> Opened:
        return crypt.open_file(file, keyring)

    gc.disable()
    try:
        plain = parse(source, yaml)
        encrypted = seal().document.to_bytes()
        file = crypt.load(encrypted, yaml)
        steps: dict[str, Callable[[], object]] = {
            "read plaintext": lambda: parse(source, yaml),
            "seal values, write, read again to check": seal,
            "read the encrypted file": lambda: crypt.load(encrypted, yaml),
            "open values, check the MAC, write, read again to check": open_,
        }
        return Result("steps", "us", {name: _best(step, rounds) / keys * 1e6 for name, step in steps.items()})
    finally:
        gc.enable()


def _best(step: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return min(times)

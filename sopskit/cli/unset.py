"""`sopskit unset`."""

from __future__ import annotations

from sopskit.cli.declare import Verb
from sopskit.cli.set import SHARED_OPTIONS, run_unset

VERB = Verb(
    name="unset",
    summary="Remove one value of an encrypted file in place; every other value keeps its ciphertext.",
    arguments="FILE PATH",
    keys="Needs a private key. With public keys alone, encrypt the whole file anew.",
    example="""sopskit unset secrets.yaml '["data"]["password"]'""",
    options=SHARED_OPTIONS,
    run=run_unset,
)

"""Inputs as a GitOps repository has them: Helm values of any size, and small Kubernetes Secrets.

The same number and seed always give the same text.
"""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("orders", "payments", "search", "invoices", "mail", "catalog", "sessions", "reports", "gateway", "audit")
KEYS_OF_A_SERVICE = 12


def helm_values(keys: int, seed: int = 20240506) -> str:
    """A values file with exactly `keys` scalar values: mappings, lists, quotes, numbers, booleans, comments, some block scalars."""
    dice = random.Random(seed)
    lines = ["# Values of all services\n"]
    services, rest = divmod(keys, KEYS_OF_A_SERVICE)
    for number in range(services):
        lines += _service(dice, number)
    if rest:
        lines.append("remainder:\n")
        lines += [f"  key{number}: {token(dice, 12)}\n" for number in range(rest)]
    return "".join(lines)


def _service(dice: random.Random, number: int) -> Iterator[str]:
    name = f"{dice.choice(NAMES)}-{number:05d}"
    yield f"{name}:\n"
    yield f"  replicas: {dice.randint(1, 12)}\n"
    yield f"  enabled: {dice.choice(('true', 'false'))}\n"
    yield "  ingress:\n"
    yield f"    host: {name}.example.org  # public name\n"
    yield f"    port: {dice.randint(1024, 65535)}\n"
    yield "  # owned by the database team\n"
    yield "  database:\n"
    yield f"    user: {name.replace('-', '_')}\n"
    yield f'    password: "{token(dice, 18)}"\n'
    yield f"    dsn: 'postgres://{token(dice, 6)}@db.example.org:5432/{number}'\n"
    yield f"    timeout: {dice.uniform(0.5, 30):.2f}\n"
    yield "  hosts:\n"
    yield f"    - {dice.choice(NAMES)}.internal\n"
    yield f"    - {dice.choice(NAMES)}.internal\n"
    yield f"  token: {token(dice, 30)}\n"
    if number % 10:
        yield f"  note: {' '.join(dice.choices(NAMES, k=4))}\n"
    else:
        yield "  certificate: |\n"
        yield from (f"    {token(dice, 48)}\n" for _ in range(8))


def secret_manifest(number: int, seed: int = 20240506) -> str:
    """A Kubernetes Secret with five values."""
    dice = random.Random(seed + number)
    values = "".join(
        f"  {key}: {token(dice, 24)}\n" for key in ("API_TOKEN", "DB_PASSWORD", "SMTP_PASSWORD", "SESSION_KEY")
    )
    return (
        "apiVersion: v1\n"
        "kind: Secret\n"
        "metadata:\n"
        f"  name: service-{number:05d}\n"
        "  namespace: shop\n"
        "type: Opaque\n"
        "stringData:\n"
        f"{values}"
        f'  DB_URL: "postgres://app@db.example.org:5432/service{number}"  # no password in it\n'
    )


def token(dice: random.Random, size: int) -> str:
    """That many random bytes in base64."""
    return base64.b64encode(dice.randbytes(size)).decode()

"""Who reads the environments of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.environments import Reader, age_reader, pgp_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import AgeTestKey


@pytest.fixture
def readers(alice: AgeTestKey, bob: AgeTestKey, pgp_key: str) -> Mapping[str, Reader]:
    """A key of its own for each of three environments: two of age, one of PGP."""
    return {"dev": age_reader(alice), "qa": age_reader(bob), "prod": pgp_reader(pgp_key)}

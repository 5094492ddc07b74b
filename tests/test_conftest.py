"""The test world itself: isolated, and honest about what is missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey, World


def test_home_is_empty_and_not_the_users(world: World) -> None:
    assert Path.home() == world.home
    assert list(world.home.iterdir()) == []


def test_no_variable_of_the_user_is_left() -> None:
    left = {name for name in os.environ if name.startswith(("SOPS_", "GIT_", "AGE_"))}
    assert left == {
        "SOPS_DISABLE_VERSION_CHECK",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
    }


def test_gpg_agent_sockets_fit_into_their_path(world: World) -> None:
    assert len(str(world.gnupg / "S.gpg-agent.extra")) < 108


def test_sops_is_the_pinned_release(tool: Callable[[str], str]) -> None:
    shown = subprocess.run([tool("sops"), "--version"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("sops 3.13.3")


def test_age_keygen_agrees_with_the_published_keys(
    tool: Callable[[str], str], alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey, hybrid_key: AgeTestKey
) -> None:
    for key in (alice, bob, cluster_key, hybrid_key):
        shown = subprocess.run([tool("age-keygen"), "-y", key.path], capture_output=True, text=True, check=True).stdout
        assert shown == key.recipient + "\n"


def test_the_published_pgp_key_encrypts_and_decrypts(pgp_key: str) -> None:
    sealed = subprocess.run(
        ["gpg", "--batch", "--encrypt", "--recipient", pgp_key], input=b"text", capture_output=True, check=True
    ).stdout
    assert (
        subprocess.run(["gpg", "--batch", "--decrypt"], input=sealed, capture_output=True, check=True).stdout == b"text"
    )


def test_a_missing_program_is_a_skip_that_names_it(tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(started_with(), "SOPSKIT_REQUIRE_TOOLS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs no-such-program"):
        tool("no-such-program")


def test_a_missing_program_is_a_failure_where_nothing_may_be_skipped(
    tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(started_with(), "SOPSKIT_REQUIRE_TOOLS", "1")
    with pytest.raises(pytest.fail.Exception, match="needs no-such-program"):
        tool("no-such-program")


def started_with() -> dict[str, str]:
    """The environment that `find_tool` looks at."""
    from tests import conftest

    return conftest.STARTED_WITH


@settings(max_examples=2)
@given(st.integers())
def test_properties_run_in_the_isolated_world(number: int) -> None:
    assert str(number)

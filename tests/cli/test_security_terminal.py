"""What comes from a repository must not steer the terminal or forge a line of ours: keys, file names, recipients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.cli.context import printable
from tests.cli.running import sopskit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey


@pytest.mark.parametrize("char", ["\n", "\r", "\x1b", "\x9b", "\x85", "\u2028", "\u202e", "\u2066", "\u3164", "\x00"])
def test_a_note_is_one_line_of_harmless_characters(char: str) -> None:
    shown = printable(f"a{char}b")
    assert shown.isprintable()
    assert char not in shown


def test_a_key_name_forges_no_line_of_an_error(folder: Path, alice: AgeTestKey) -> None:
    (folder / "f.yaml").write_text('"x\\n::error::x\\e[2J": v\n')
    sopskit("encrypt", "-i", "--age", alice.recipient, "f.yaml")
    text = (folder / "f.yaml").read_text()
    (folder / "f.yaml").write_text(text.replace("ENC[AES256_GCM,data:", "ENC[AES256_GCM,data:A", 1))
    done = sopskit("decrypt", "f.yaml")
    assert done.code == 25
    assert "\n::error::" not in done.err
    assert "\x1b" not in done.err


def test_a_recipient_of_a_file_forges_no_line_and_steers_no_terminal(
    folder: Path, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    (folder / "f.yaml").write_text("a: 1\n")
    sopskit("encrypt", "-i", "--age", alice.recipient, "f.yaml")
    text = (folder / "f.yaml").read_text()
    (folder / "f.yaml").write_text(text.replace(alice.recipient, '"age1\\n::error::x\\e[2J"'))
    (folder / ".sops.yaml").write_text(f"creation_rules:\n  - age: {bob.recipient}\n")
    for done in (
        sopskit("updatekeys", "f.yaml", stdin=b"n\n"),
        sopskit("decrypt", "f.yaml", environ={"SOPS_AGE_KEY_FILE": "/nowhere"}),
    ):
        shown = done.out.decode() + done.err
        assert "age1\\n" in shown
        assert "\n::error::" not in shown
        assert "\x1b" not in shown

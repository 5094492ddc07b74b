"""`sopskit log` over a real history."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import Done, sopskit
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey

PLAIN = "kind: Secret\nstringData:\n  user: canary-user\n  password: canary-one\n"
SECRET = "k8s/secret.yaml"


class Team:
    """A repository whose commits are a day apart, each by somebody else; ids are fixed in text by `named`."""

    def __init__(self, git: Git, sops: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.git = git
        self.sops = sops
        self.ids: list[str] = []
        self._environment = monkeypatch

    def commit(self, author: str = "Ann") -> str:
        time = f"{1760000000 + 86400 * len(self.ids)} +0000"
        for name, value in (("AUTHOR_NAME", author), ("AUTHOR_DATE", time), ("COMMITTER_DATE", time)):
            self._environment.setenv(f"GIT_{name}", value)
        self.ids.append(self.git.commit({}))
        return self.ids[-1]

    def run(self, *arguments: str) -> None:
        subprocess.run([self.sops, *arguments], cwd=self.git.folder, check=True, capture_output=True)

    def set(self, key: str, value: str, file: str = SECRET) -> None:
        self.run("set", file, f'["stringData"]["{key}"]', f'"{value}"')

    def named(self, done: Done) -> str:
        """The output with `#0` for the first commit's short id."""
        assert done.code == 0, done.err
        text = done.out.decode()
        for number, id in enumerate(self.ids):
            text = text.replace(id[:7], f"#{number}")
        return text


@pytest.fixture
def team(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch) -> Team:
    """Plain text, encrypted, edited by Bob, rotated."""
    team = Team(init(tmp_path / "repository"), tool("sops"), monkeypatch)
    monkeypatch.chdir(team.git.folder)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(alice.path))
    team.git.write(SECRET, PLAIN.encode())
    team.commit()
    team.run("encrypt", "-i", "--encrypted-regex", "^stringData$", "--age", alice.recipient, SECRET)
    team.commit()
    team.set("password", "canary-two")
    team.commit("Bob \x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}")
    team.run("rotate", "-i", SECRET)
    team.commit()
    return team


LOG = """\
#3 2025-10-12 08:53 UTC Ann <test@example.org>
  looks like a rotation, which somebody who cannot read the file can imitate

#2 2025-10-11 08:53 UTC Bob \\x1b[31m\\u{202e} <test@example.org>
  looks like an edit
    stringData.password: changed

#1 2025-10-10 08:53 UTC Ann <test@example.org>
  was plain text, is encrypted now; the history keeps the plain text
    stringData.user: now encrypted
    stringData.password: now encrypted

#0 2025-10-09 08:53 UTC Ann <test@example.org>
  a new file, plain
    kind: added
    stringData.user: added
    stringData.password: added

authors and dates are what the commits claim
"""


def test_the_log_tells_who_changed_which_key_when(team: Team) -> None:
    assert team.named(sopskit("log", SECRET)) == LOG


@pytest.mark.parametrize("key", ["stringData.password", '["stringData"]["password"]'])
def test_the_log_of_a_key_has_its_changes_alone(team: Team, key: str) -> None:
    text = team.named(sopskit("log", SECRET, key))
    assert [line for line in text.splitlines() if line.startswith(("#", "    "))] == [
        "#2 2025-10-11 08:53 UTC Bob \\x1b[31m\\u{202e} <test@example.org>",
        "    stringData.password: changed",
        "#1 2025-10-10 08:53 UTC Ann <test@example.org>",
        "    stringData.password: now encrypted",
        "#0 2025-10-09 08:53 UTC Ann <test@example.org>",
        "    stringData.password: added",
    ]


def test_the_summary_has_the_oldest_value_first(team: Team) -> None:
    team.set("token", "canary-token")
    team.commit("Cid")
    assert team.named(sopskit("log", "--summary", SECRET)) == (
        "2025-10-09 #0  stringData.user      Ann <test@example.org>; stands in plain text in the history;"
        " may have changed on 2025-10-10 in #1\n"
        "2025-10-11 #2  stringData.password  Bob \\x1b[31m\\u{202e} <test@example.org>\n"
        "2025-10-13 #4  stringData.token     Cid <test@example.org>\n"
        "not listed: 1 key in plain text\n"
        "authors and dates are what the commits claim\n"
    )


def test_json_has_the_same_and_nothing_of_a_value(team: Team) -> None:
    done = sopskit("log", "--json", SECRET, "stringData.password")
    found = json.loads(done.out)
    assert {key: found[key] for key in ("schema", "path", "commit", "complete")} == {
        "schema": "sopskit.log/1",
        "path": SECRET,
        "commit": team.ids[3],
        "complete": True,
    }
    assert [(one["commit"], [change["change"] for change in one["changes"]]) for one in found["entries"]] == [
        (team.ids[2], ["changed"]),
        (team.ids[1], ["encrypted"]),
        (team.ids[0], ["added"]),
    ]
    ages = json.loads(sopskit("log", "--json", "--summary", SECRET).out)["keys"]
    assert [(one["path"], one["encrypted"], one["was_plain"], one["last_changed"]["commit"]) for one in ages] == [
        (["kind"], False, False, team.ids[0]),
        (["stringData", "user"], True, True, team.ids[0]),
        (["stringData", "password"], True, False, team.ids[2]),
    ]


@pytest.mark.parametrize(
    "arguments", [[], ["--json"], ["--summary"], ["--summary", "--json"], ["kind"], ["nothing"], ["-n", "1"]]
)
def test_no_value_comes_out_in_any_form(team: Team, arguments: list[str]) -> None:
    team.git.write(SECRET, b"stringData: [canary-broken\n")
    team.commit()
    done = sopskit("log", SECRET, *arguments)
    assert b"canary" not in done.out + done.err.encode()


def test_the_number_of_commits_can_be_limited(team: Team) -> None:
    text = team.named(sopskit("log", "-n", "1", SECRET))
    assert "#2" not in text
    assert "there are older commits: --limit shows more" in text


def test_a_terminal_gets_the_newest_commits_and_folded_keys(team: Team) -> None:
    lines = "".join(f"  key{number}: x\n" for number in range(30))
    team.git.write("many.yaml", f"stringData:\n{lines}".encode())
    team.commit()
    text = team.named(sopskit("log", "many.yaml", terminals="stdout", environ={"NO_COLOR": "1"}))
    assert "    and 18 more\n" in text
    assert "and 18 more" not in team.named(sopskit("log", "many.yaml"))


def test_renames_are_followed_and_a_deleted_file_still_has_a_log(team: Team) -> None:
    team.git("mv", SECRET, "moved.yaml")
    team.commit()
    team.set("user", "canary-three", "moved.yaml")
    team.commit()
    Path("moved.yaml").unlink()
    team.commit()
    text = team.named(sopskit("log", "moved.yaml"))
    assert text.startswith("#6 ")
    assert "renamed, nothing in it changed" in text
    assert text.count(f"  at {SECRET}\n") == 4


def test_another_revision_can_be_the_beginning(team: Team) -> None:
    text = team.named(sopskit("log", "--revision", team.ids[1], SECRET))
    assert [line[:2] for line in text.splitlines() if line.startswith("#")] == ["#1", "#0"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.yaml"], "no commit of HEAD has nowhere.yaml"),
        (["k8s"], "k8s is a folder"),
        ([SECRET, "stringData.passwort"], "no version of this file has the key stringData.passwort"),
        ([SECRET, '["stringData"'], "a part of the key path does not end with ]"),
        (["--revision", "--output=x", SECRET], "names no commit of this repository"),
    ],
)
def test_what_cannot_be_answered_is_said(team: Team, arguments: list[str], said: str) -> None:
    done = sopskit("log", *arguments)
    assert (done.code, done.out) == (1, b"")
    assert said in done.err


def test_a_key_is_suggested_for_a_mistyped_one(team: Team) -> None:
    assert "did you mean stringData.password" in sopskit("log", SECRET, "stringData.passwort").err


def test_outside_of_a_repository_there_is_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "this file is in no git repository" in sopskit("log", "a.yaml").err


def test_a_shallow_clone_says_where_it_ends(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth=2", f"file://{team.git.folder}", str(clone)], check=True)
    monkeypatch.chdir(clone)
    text = team.named(sopskit("log", SECRET))
    assert "the shallow clone ends here: what the file held before is not known" in text
    assert "there are older commits" in text
    summary = team.named(sopskit("log", "--summary", SECRET, "stringData.password"))
    assert summary.startswith("before")

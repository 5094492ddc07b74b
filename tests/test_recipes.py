"""The CI recipes of docs/reviewing.md: they hold no untrusted text in a script, and their scripts do what they should."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PAGE = (ROOT / "docs" / "reviewing.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]
EXPRESSION = "${{"
SECRET = b"apiVersion: v1\nkind: Secret\nmetadata: {name: app}\nstringData: {PASSWORD: canary-5c1e}\n"

# what stands for the forge's command line: it keeps what it is asked for
GH = """#!/bin/sh
echo "$*" >> "$GH_LOG"
case "$*" in
  "auth setup-git") ;;
  *--jq*) cat "$GH_COMMENTS" ;;
esac
"""


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every job of the GitHub workflows; the one with a key stands alone in its block."""
    for block in BLOCKS:
        found = block.get("jobs", {"review-with-key": block["review-with-key"]} if "review-with-key" in block else {})
        yield from found.items()


def scripts() -> Iterator[tuple[str, str]]:
    for name, job in jobs():
        for step in job["steps"]:
            if "run" in step:
                yield f"{name}: {step['name']}", step["run"]


def gitlab() -> dict[str, Any]:
    (block,) = [block for block in BLOCKS if any("artifacts" in job for job in block.values() if isinstance(job, dict))]
    return block  # type: ignore[no-any-return]


def script(name: str) -> str:
    return dict(scripts())[name]


@pytest.mark.parametrize(("name", "text"), list(scripts()))
def test_no_expression_stands_in_a_script(name: str, text: str) -> None:
    assert EXPRESSION not in text


def test_permissions_are_the_least() -> None:
    workflows = [block for block in BLOCKS if "jobs" in block]
    assert [block["permissions"] for block in workflows] == [
        {"contents": "read", "pull-requests": "write"},
        {"contents": "read"},
    ]


def test_the_head_is_never_checked_out_and_credentials_do_not_stay() -> None:
    checkouts = [step for _, job in jobs() for step in job["steps"] if "actions/checkout" in step.get("uses", "")]
    assert len(checkouts) == 3
    assert all("ref" not in step["with"] and step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_private_key_is_in_one_step_that_runs_the_review_and_nothing_else() -> None:
    with_key = [step for _, job in jobs() for step in job["steps"] if "SOPS_AGE_KEY" in step.get("env", {})]
    (step,) = with_key
    assert step["run"].startswith('sopskit review-diff "$BASE...$HEAD" --strict --format json ')
    assert all("SOPS_AGE_KEY" not in job.get("env", {}) for _, job in jobs())


class Runner:
    """A checkout on a CI machine, in which scripts of the recipes run with bash as the forge runs them."""

    def __init__(self, git: Git, folder: Path) -> None:
        self.git = git
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        (programs / "gh").write_text(GH)
        (programs / "sopskit").write_text(f'#!/bin/sh\nexec {sys.executable} -m sopskit "$@"\n')
        for program in programs.iterdir():
            program.chmod(0o755)
        self.files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GH_LOG", "GH_COMMENTS")}
        for path in self.files.values():
            path.touch()
        self.environ = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "GITHUB_REPOSITORY": "team/repository",
            "RUNNER_TEMP": str(folder),
            **{name: str(path) for name, path in self.files.items()},
        }

    def __call__(self, text: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", text],
            cwd=self.git.folder,
            env={**self.environ, **environ},
            capture_output=True,
            check=False,
        )


@pytest.fixture
def runner(tmp_path: Path, tool: Callable[[str], str]) -> Runner:
    tool("git")
    git = init(tmp_path / "checkout")
    git.commit({"README": b"text\n"})
    return Runner(git, tmp_path)


def branch(git: Git, files: Mapping[str | bytes, bytes]) -> dict[str, str]:
    """The variables of a pull request that brings files, whose branch is not checked out."""
    base = git("rev-parse", "main")
    git("checkout", "--quiet", "-B", "change", "main")
    head = git.commit(dict(files))
    git("checkout", "--quiet", "main")
    return {"BASE": base, "HEAD": head, "PR": "7"}


def test_a_pull_request_is_reviewed_and_commented_on(runner: Runner) -> None:
    variables = branch(runner.git, {"secrets.yaml": SECRET})
    done = runner(script("review: Review"), **variables)
    assert (done.returncode, runner.files["GITHUB_OUTPUT"].read_text()) == (0, "code=1\n"), done.stderr
    comment = (runner.folder / "comment.md").read_text()
    assert comment.startswith(f"<!-- sopskit-review:v1 head={variables['HEAD']} -->")
    assert "ENC04" in comment
    assert "canary" not in comment
    assert runner.files["GITHUB_STEP_SUMMARY"].read_text() == comment
    assert runner.git("status", "--porcelain") == ""
    assert runner(script("review: Verdict"), CODE="1").returncode == 1
    assert runner(script("review: Verdict"), CODE="0").returncode == 0


def test_the_comment_takes_the_place_of_the_last_one(runner: Runner) -> None:
    (runner.folder / "comment.md").write_text("x")
    text = script("review: Comment, in place of the last one")
    assert runner(text, PR="7").returncode == 0
    runner.files["GH_COMMENTS"].write_text("4711\n4712\n")
    assert runner(text, PR="7").returncode == 0
    asked = [line for line in runner.files["GH_LOG"].read_text().splitlines() if "--jq" not in line]
    body = f"--field body=@{runner.folder}/comment.md"
    assert asked == [
        f"api --silent repos/team/repository/issues/7/comments {body}",
        f"api --silent --method PATCH repos/team/repository/issues/comments/4711 {body}",
    ]


def test_a_review_that_could_not_be_made_takes_the_place_of_an_old_one_too(runner: Runner) -> None:
    variables = branch(runner.git, {"secrets.yaml": SECRET}) | {"HEAD": "0" * 40}
    assert runner(script("review: Review"), **variables).returncode == 0
    assert runner.files["GITHUB_OUTPUT"].read_text() == "code=2\n"
    assert "could not be reviewed" in (runner.folder / "comment.md").read_text()


def test_the_key_finds_what_it_opens(runner: Runner) -> None:
    variables = branch(runner.git, {"config.yaml": b"a: 1\n"})
    done = runner(script("review-with-key: Review"), **variables)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert json.loads((runner.folder / "review.json").read_text())["verdict"] == "clean"
    assert (runner.folder / "review.html").exists()


@pytest.mark.parametrize("first", [False, True], ids=["a push", "the first push"])
@pytest.mark.parametrize(("file", "code"), [("README", 0), ("secrets.yaml", 1)])
def test_what_was_merged_is_checked(first: bool, file: str, code: int, runner: Runner) -> None:
    before = runner.git("rev-parse", "HEAD")
    after = runner.git.commit({file: SECRET if code else b"changed\n"})
    variables = {"BEFORE": "0" * 40 if first else before, "AFTER": after}
    for name, text in (("GitHub", script("check: Check")), ("GitLab", gitlab()["sopskit-check"]["script"][0])):
        renamed = {"CI_COMMIT_BEFORE_SHA": variables["BEFORE"], "CI_COMMIT_SHA": after}
        done = runner(text, **variables, **renamed)
        assert done.returncode == code, (name, done.stdout, done.stderr)


def test_gitlab_gets_a_report_for_its_widget(runner: Runner) -> None:
    variables = branch(runner.git, {"secrets.yaml": SECRET})
    job = gitlab()["sopskit-review"]
    runner.git("update-ref", "FETCH_HEAD", variables["BASE"])
    names = {"CI_COMMIT_SHA": variables["HEAD"]}
    assert runner(job["script"][0], **names).returncode == 1
    report = json.loads((runner.git.folder / job["artifacts"]["reports"]["codequality"]).read_text())
    assert {(entry["check_name"], entry["severity"]) for entry in report} == {("ENC04", "blocker")}


def test_the_settings_shown_can_be_read() -> None:
    from sopskit.config.sopskit_yaml import read_team_config
    from sopskit.review.findings import BY_ID

    (block,) = re.findall(r"^```yaml\n(version: 1\n.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    team = read_team_config(".sopskit.yaml", block.encode(), read_file=lambda _: None)
    assert {*team.policies, *(waiver.policy for waiver in team.waivers)} <= set(BY_ID)

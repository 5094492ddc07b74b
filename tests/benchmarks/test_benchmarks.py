"""The benchmarks run, and their page has the shape it should; times are not asserted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from benchmarks import __main__ as program
from benchmarks import report, samples
from benchmarks.history import Outcome
from benchmarks.measure import Command, CommandFailedError, Runner, in_turn
from benchmarks.reconciling import LIMITED
from benchmarks.tasks import Limit, Result, Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def count_scalars(node: object) -> int:
    """The scalar values in a tree."""
    if isinstance(node, dict):
        return sum(count_scalars(value) for value in node.values())
    if isinstance(node, list):
        return sum(count_scalars(value) for value in node)
    return 1


@pytest.mark.parametrize("keys", [1, 11, 12, 200, 1999])
def test_values_files_have_the_number_of_keys_asked_for(keys: int) -> None:
    assert count_scalars(yaml.safe_load(samples.helm_values(keys))) == keys


def test_samples_are_the_same_every_time() -> None:
    assert samples.helm_values(50) == samples.helm_values(50)
    assert samples.secret_manifest(3) == samples.secret_manifest(3)
    assert samples.secret_manifest(3) != samples.secret_manifest(4)


def test_secrets_have_five_values() -> None:
    assert len(yaml.safe_load(samples.secret_manifest(7))["stringData"]) == 5


def test_contestants_run_in_turn_and_the_first_round_does_not_count() -> None:
    seen: list[str] = []

    def measure(command: Command) -> float:
        seen.append(command.contestant)
        return {"a": [99.0, 1.0, 3.0, 2.0], "b": [99.0, 7.0, 5.0, 6.0]}[command.contestant][
            seen.count(command.contestant) - 1
        ]

    assert in_turn([Command("a", []), Command("b", [])], 3, measure) == {"a": 2.0, "b": 6.0}
    assert seen == ["a", "b"] * 4


def test_a_failing_command_is_not_measured(tmp_path: Path) -> None:
    runner = Runner(tmp_path, {"PATH": "/usr/bin:/bin"})
    with pytest.raises(CommandFailedError, match="exit 3"):
        runner.seconds(Command("a", ["sh", "-c", "exit 3"]))
    with pytest.raises(CommandFailedError, match="exit 3"):
        runner.peak_memory(Command("a", ["/bin/sh", "-c", "exit 3"]))


def test_peak_memory_is_that_of_the_command_not_of_the_harness(tmp_path: Path) -> None:
    ballast = bytearray(b"x" * 200_000_000)
    peak = Runner(tmp_path, {"PATH": "/usr/bin:/bin"}).peak_memory(Command("a", ["/bin/sh", "-c", "exit 0"]))
    assert peak * 1024 < len(ballast) / 4


def test_page_shows_ratio_target_and_verdict() -> None:
    results = [
        Result("decrypt", "s", {"sops": 0.010, "sopskit": 0.030}, Target(3.5)),
        Result("many", "s", {"sops": 20.0, "sopskit": 2.0}, Target(1 / 20)),
        Result("memory", "KiB", {"sops": 102400.0}, Target(1.0)),
        Result("start-up", "s", {"bare interpreter": 0.008}),
        Result("steps", "us", {"read plaintext": 4.0}),
    ]
    rows = [line for line in report.page(results, "sopskit 1 against sops 2").splitlines() if line.startswith("|")]
    assert rows == [
        "| task | sops | sopskit | ratio | wanted | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
        "| decrypt | 10.0 ms | 30.0 ms | 3.00 | at most 3.50 | met |",
        "| many | 20.00 s | 2.00 s | 0.10 | at most 1/20 | **missed** |",
        "| memory | 100 MiB | - | | at most 1.00 | |",
        "| step | time |",
        "| --- | ---: |",
        "| bare interpreter | 8.0 ms |",
        "| step | time |",
        "| --- | ---: |",
        "| read plaintext | 4.0 |",
    ]


def test_a_bound_of_seconds_is_shown_as_one() -> None:
    results = [Result("check", "s", {"sopskit": 0.25}, Limit(0.2)), Result("review", "s", {"sopskit": 1.5}, Limit(1.5))]
    rows = [line for line in report.reviews(results, "sopskit 1").splitlines() if line.startswith("|")]
    assert rows[2:] == [
        "| check | - | 250.0 ms | | at most 200.0 ms | **missed** |",
        "| review | - | 1.50 s | | at most 1.50 s | met |",
    ]


def test_where_peers_differ_each_is_named() -> None:
    results = [
        Result("render", "s", {"sopskit": 0.5}, Limit(0.6)),
        Result("apply", "s", {"kubectl": 10.0, "sopskit": 1.0}, Target(0.2), peer="kubectl"),
    ]
    rows = [line for line in report.deploying(results, "sopskit 1 against kubectl 2").splitlines() if line[:1] == "|"]
    assert rows == [
        "| task | peer | sopskit | ratio | wanted | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
        "| render | - | 500.0 ms | | at most 600.0 ms | met |",
        "| apply | kubectl 10.00 s | 1.00 s | 0.10 | at most 0.20 | met |",
    ]


def outcome(commits: int) -> Outcome:
    """What a history gave."""
    return Outcome(
        commits=commits,
        files=7,
        seconds=1.0,
        named={("edit", "edit"): 5, ("mend", "revert"): 2, ("mend", "none"): 1},
        findings={"CRY02": 1},
        failed=[],
        memory=[1024] * 10,
        slowest=0.5,
    )


def test_a_history_is_shown_with_what_operations_were_called() -> None:
    rows = [line for line in report.history(outcome(2000), "sopskit 1").splitlines() if line.startswith("|")]
    assert rows[2:] == [
        "| commits reviewed | 2,000 |",
        "| files reviewed | 7 |",
        "| reviews that failed | 0 |",
        "| time for a commit, mean | 0.5 ms |",
        "| time for a commit, longest | 500.0 ms |",
        "| memory, most | 1 MiB |",
        "| memory at the end, divided by that after a tenth | 1.00 |",
        "| done | commits | named |",
        "| --- | ---: | --- |",
        "| edit | 5 | edit |",
        "| mend | 3 | revert 2, none 1 |",
    ]


def test_each_part_of_the_page_is_exchanged_alone() -> None:
    tasks = report.page([], "sopskit 1 against sops 2")
    reviews, deploying = report.reviews([], "sopskit 1"), report.deploying([], "sopskit 1")
    reconciling = report.reconciling([], "sopskit 1")
    page = ""
    for part in (report.history(outcome(1), "sopskit 1"), reconciling, deploying, tasks, reviews):
        page = report.replace_part(page, part)
    assert page == f"{tasks}\n{reviews}\n{deploying}\n{reconciling}\n{report.history(outcome(1), 'sopskit 1')}"
    again = report.replace_part(page, report.history(outcome(2), "sopskit 1"))
    assert again == f"{tasks}\n{reviews}\n{deploying}\n{reconciling}\n{report.history(outcome(2), 'sopskit 1')}"


def test_a_quick_run_of_reviews_measures_every_task(tool: Callable[[str], str]) -> None:
    results = program.measure_reviews(program.programs(tool("sops")), quick=True)
    assert [(result.task, sorted(result.values)) for result in results] == [
        ("review 4 changed files, with a key", ["sops", "sopskit"]),
        ("review 4 changed files, without a key", ["sopskit"]),
        ("check 10 files, without a key", ["sopskit"]),
        ("check 10 files, with a key", ["sopskit"]),
        ("check 5 staged files, with a key", ["sopskit"]),
    ]
    assert all(value > 0 for result in results for value in result.values.values())


def test_a_quick_run_of_deploying_measures_every_task(tool: Callable[[str], str]) -> None:
    programs = {name: tool(name) for name in program.DEPLOYING}
    results, versions = program.measure_deploying(program.programs(tool("sops")), programs, quick=True)
    assert [(result.task, sorted(result.values)) for result in results] == [
        ("render 4 Secrets of a folder", ["sopskit"]),
        ("render 4 Secrets of a kustomization", ["kustomize", "sopskit"]),
        ("apply 4 new Secrets", ["kubectl", "sopskit"]),
        ("apply 4 Secrets that are there", ["kubectl", "sopskit"]),
    ]
    assert all(value > 0 for result in results for value in result.values.values())
    assert [word for word in versions.split() if word.startswith("v")] != []


def test_a_quick_run_of_reconciling_measures_every_task(tool: Callable[[str], str]) -> None:
    programs = {name: tool(name) for name in program.RECONCILING}
    results, versions = program.measure_reconciling(programs, quick=True)
    assert [(result.task, sorted(result.values)) for result in results] == [
        ("first round of 4 Secrets", ["Flux", "sopskit"]),
        ("round of 4 Secrets, nothing to change", ["Flux", "sopskit"]),
        ("round of 4 Secrets, decrypted and tried again", ["Flux", "sopskit"]),
        ("4 sources of 2 objects, nothing to change", ["sopskit"]),
        ("4 sources of 2 objects, decrypted and tried again", ["sopskit"]),
        ("first round of 4 Secrets", [LIMITED, "sopskit"]),
        ("round of 4 Secrets, nothing to change", [LIMITED, "sopskit"]),
        ("round of 4 Secrets, decrypted and tried again", [LIMITED, "sopskit"]),
    ]
    assert all(value > 0 for result in results for value in result.values.values())
    assert [word for word in versions.split() if word.startswith("v")] != []


def test_a_quick_run_measures_every_task(tool: Callable[[str], str]) -> None:
    results = program.measure(program.programs(tool("sops")), quick=True)
    assert [result.task for result in results] == [
        "decrypt one small file",
        "encrypt one small file",
        "start-up",
        "decrypt 3 small files in place, on disk",
        "decrypt 200 keys",
        "encrypt 200 keys",
        "steps",
    ]
    assert all(value > 0 for result in results for value in result.values.values())

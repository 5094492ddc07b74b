"""What a review and a check cost: each a process, on repositories as teams have them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from benchmarks import samples
from benchmarks.fastimport import Blob, FastImport, git
from benchmarks.gitops import START
from benchmarks.measure import Command, in_turn
from benchmarks.sealed import Person, Sealer
from benchmarks.tasks import Limit, Result, Target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.tasks import Bench

ENVIRONMENTS = ("dev", "qa", "prod")
HANDFUL = 5
CHANGED_WITH_A_KEY = 100
CHANGED_WITHOUT = 500
CHECKED = 1_000
ROUNDS = 7
RULES = "creation_rules:\n  - path_regex: secrets\\.yaml$\n    encrypted_regex: ^(data|stringData)$\n    age: {}\n"


def repository(folder: Path, count: int, changed: int) -> Path:
    """A repository of that many Secrets on main, of which a branch, feature, has changed one value of some."""
    alice = Person.read("alice")
    sealer = Sealer([alice], START)
    paths = [f"k8s/gitops/{ENVIRONMENTS[n % 3]}/service-{n // 3}/secrets.yaml" for n in range(count)]
    sealed = {
        path: sealer.seal(path, samples.secret_manifest(number).encode(), [alice.recipient])
        for number, path in enumerate(paths)
    }
    sealer.now += timedelta(days=1)
    edited = {path: _edited(sealer, path, sealed[path]) for path in paths[:changed]}
    with FastImport(folder) as commits:
        files = {path.encode(): Blob(data) for path, data in sealed.items()}
        rules = {b".sops.yaml": Blob(RULES.format(alice.recipient).encode())}
        seconds = int(sealer.now.timestamp())
        first = commits.commit("services", {**rules, **files}, (), seconds)
        changes = {path.encode(): Blob(data) for path, data in edited.items()}
        commits.commit("other passwords", changes, (first,), seconds, "feature")
    git(folder, "repack", "-adq")
    git(folder, "reset", "--quiet", "--hard")
    return folder


def _edited(sealer: Sealer, path: str, sealed: bytes) -> bytes:
    return sealer.set(path, sealed, ("stringData", "DB_PASSWORD"), f"another value for {path}")


def review_with_a_key(bench: Bench, count: int, rounds: int) -> Result:
    """Against what teams do today: a diff of what sops decrypts, in clear on the terminal."""
    folder = repository(bench.runner.folder / "review-keyed", count, count)
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text("secrets.yaml diff=sops\n")
    textconv = f"diff.sops.textconv={' '.join(bench.programs['sops'])} decrypt"
    commands = [
        Command("sops", ["git", "-C", str(folder), "--no-pager", "-c", textconv, "diff", "main", "feature"]),
        *_ours(bench, folder, "review-diff", "main", "feature"),
    ]
    values = in_turn(commands, rounds, bench.runner.seconds)
    return Result(f"review {count:,} changed files, with a key", "s", values, Target(0.15))


def review_without(bench: Bench, count: int, rounds: int) -> Result:
    """A branch that touches everything, as one that rotates does."""
    folder = repository(bench.runner.folder / "review-keyless", count, count)
    commands = _ours(bench, folder, "review-diff", "--keyless", "main", "feature")
    values = in_turn(commands, rounds, bench.runner.seconds)
    return Result(f"review {count:,} changed files, without a key", "s", values, Limit(1.5))


def checks(bench: Bench, count: int, rounds: int) -> list[Result]:
    """The whole work tree, then what a hook does before a commit."""
    folder = repository(bench.runner.folder / "check", count, 0)
    results = [
        Result(f"check {count:,} files, {words}", "s", in_turn(commands, rounds, bench.runner.seconds), Limit(1.0))
        for words, commands in {
            "without a key": _ours(bench, folder, "check", "--keyless"),
            "with a key": _ours(bench, folder, "check"),
        }.items()
    ]
    _stage(folder, HANDFUL)
    values = in_turn(_ours(bench, folder, "check", "--staged"), rounds, bench.runner.seconds)
    return [*results, Result(f"check {HANDFUL} staged files, with a key", "s", values, Limit(0.2))]


def _stage(folder: Path, count: int) -> None:
    sealer = Sealer([Person.read("alice")], START + timedelta(days=2))
    for file in sorted(folder.rglob("secrets.yaml"))[:count]:
        path = file.relative_to(folder).as_posix()
        file.write_bytes(_edited(sealer, path, file.read_bytes()))
    git(folder, "add", "--all")


def _ours(bench: Bench, folder: Path, *arguments: str) -> list[Command]:
    """sopskit's command line in a folder, which it takes for the work tree."""
    if "sopskit" not in bench.programs:
        return []
    words: Sequence[str] = [*bench.programs["sopskit"], *arguments]
    return [Command("sopskit", ["/usr/bin/env", f"--chdir={folder}", *words])]


def all_reviews(bench: Bench, *, quick: bool) -> list[Result]:
    """Everything; `quick` with sizes that only prove that it runs."""
    if quick:
        return [review_with_a_key(bench, 4, 1), review_without(bench, 4, 1), *checks(bench, 2 * HANDFUL, 1)]
    return [
        review_with_a_key(bench, CHANGED_WITH_A_KEY, ROUNDS),
        review_without(bench, CHANGED_WITHOUT, ROUNDS),
        *checks(bench, CHECKED, ROUNDS),
    ]

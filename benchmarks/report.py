"""The results as the page docs/performance.md."""

from __future__ import annotations

import os
import platform
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.tasks import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.history import Outcome
    from benchmarks.tasks import Limit, Result

INTRODUCTION = """# Performance

Written by `python -m benchmarks`: sopskit and the released sops do the same work in turn on one machine, each as a
process that starts, works and ends. Medians; the ratio is sopskit's divided by sops's, so below 1 sopskit is
faster (or smaller). Files are encrypted for one age recipient; both decrypt what the released sops wrote.
"""
REVIEWS = """## Review and check

Written by `python -m benchmarks reviews`. With a key, sopskit competes with `git diff` that has `sops decrypt` as its
`textconv`, which starts sops for both sides of every file and prints the secrets. The other tasks have no counterpart; their
bounds are times on a machine of two cores at rest. Each is a process in a repository of Kubernetes Secrets with five values.
"""
DEPLOYING = """## Render and apply

Written by `python -m benchmarks deploying`. Secrets with five values are rendered, ones with three applied, each a file of its
own; sopskit decrypts them first. `kustomize build` is given the same encrypted files. `kubectl apply --server-side` is given
them in plain text, and a real API server on the same machine. sopskit tries all objects with a dry run before it applies one,
and keeps an inventory. Bounds in seconds hold on a machine of two cores at rest.
"""
RECONCILING = """## The reconciler

Written by `python -m benchmarks reconciling`: `sopskit reconcile` and Flux's kustomize-controller at one real API server on the
same machine, one after the other. Each Secret has five values and is a file of its own; each folder has a kustomization. sopskit
fetches from a Git server on the same machine; Flux is given the artifact that its source-controller would have made. Both have
their folders in memory. Of Flux's settings only the Kustomization's timeout and interval are not the default: they are long
enough not to interfere.

- A first round is from the creation of the SopsSource or the Kustomization until it is ready. sopskit needs up to a second of
  it to see the new source. It asks the API server twice for each object: everything is tried before anything is applied.
- A round with nothing to change is for Flux from `reconcile.fluxcd.io/requestedAt` until it is handled, for sopskit as
  `sopskit_round_duration_seconds` has it: commit, key and objects are compared with those of the last good round, and nothing is
  decrypted.
- Decrypted and tried again is what sopskit does once an hour, and when the source or its keys have changed.
- Many sources are those of ten teams, a namespace and a repository for each. All are due at the same moment (the process was
  stopped until they were), and the time is until the last of them is dealt with, with four rounds in parallel.
- Flux limits itself to 50 requests a second where the API server has no priority and fairness, and not at all where it has, as
  most have. The last rows are at such a server (`--enable-priority-and-fairness=false`), the others at one as it comes.

Flux's first round is one, its other rounds too; sopskit's are medians of three.
"""
HISTORY = """## A long history, commit by commit

Written by `python -m benchmarks history`: a repository with every operation that a review tells apart, made from a fixed
seed, and every commit of it reviewed against its parent in one process, {keyed} with keys as well.
"""
PARTS = tuple(part.split("\n", maxsplit=1)[0] for part in (REVIEWS, DEPLOYING, RECONCILING, HISTORY))


def page(results: Sequence[Result], versions: str) -> str:
    """The tasks of encryption and decryption: the first part of the page."""
    return "\n".join(
        [
            INTRODUCTION,
            f"{versions}. {_machine()}.\n",
            *_compared(results),
            "",
            *_start_up(results),
            "",
            *_steps(results),
            "",
        ]
    )


def reviews(results: Sequence[Result], versions: str) -> str:
    """The part of the page on review and check."""
    return "\n".join([REVIEWS, f"{versions}. {_machine()}.\n", *_compared(results), ""])


def deploying(results: Sequence[Result], versions: str) -> str:
    """The part of the page on render and apply."""
    return "\n".join([DEPLOYING, f"{versions}. {_machine()}.\n", *_compared(results, named=True), ""])


def reconciling(results: Sequence[Result], versions: str) -> str:
    """The part of the page on the reconciler."""
    return "\n".join([RECONCILING, f"{versions}. {_machine()}.\n", *_compared(results, named=True), ""])


def history(outcome: Outcome, version: str) -> str:
    """The part of the page on a long history."""
    rows = {
        "commits reviewed": f"{outcome.commits:,}",
        "files reviewed": f"{outcome.files:,}",
        "reviews that failed": f"{len(outcome.failed):,}",
        "time for a commit, mean": _shown(outcome.seconds / max(1, outcome.commits), "s"),
        "time for a commit, longest": _shown(outcome.slowest, "s"),
        "memory, most": _shown(max(outcome.memory), "KiB"),
        "memory at the end, divided by that after a tenth": f"{outcome.growth:.2f}",
    }
    table = ["| | |", "| --- | ---: |", *(f"| {name} | {value} |" for name, value in rows.items())]
    return "\n".join(
        [
            HISTORY.format(keyed="every tenth" if outcome.keyed_every == 10 else f"one in {outcome.keyed_every}"),
            f"{version}. {_machine()}.\n",
            *table,
            "",
            *_named(outcome),
            "",
        ]
    )


def _named(outcome: Outcome) -> list[str]:
    """What was done, and what the review, which sees only the two states, calls it."""
    done: dict[str, dict[str, int]] = {}
    for (operation, name), count in outcome.named.items():
        done.setdefault(operation, {})[name] = count
    rows = ["What was done in a commit, and what the review, which has no key, says it looks like:", ""]
    rows += ["| done | commits | named |", "| --- | ---: | --- |"]
    for operation, names in sorted(done.items()):
        said = sorted(names.items(), key=lambda item: (-item[1], item[0]))
        words = ", ".join(name if len(names) == 1 else f"{name} {count:,}" for name, count in said)
        rows.append(f"| {operation} | {sum(names.values()):,} | {words} |")
    return rows


def replace_part(old: str, new: str) -> str:
    """The page with one part exchanged, the other parts as they were."""
    parts = {_heading(part): part for part in (*_split(old), new)}
    first, *others = sorted(parts, key=lambda heading: PARTS.index(heading) if heading in PARTS else -1)
    return "\n".join(parts[heading] for heading in (first, *others))


def _split(page: str) -> list[str]:
    places = sorted(place for heading in PARTS if (place := page.find(f"\n{heading}\n")) >= 0)
    bounds = [-1, *places, len(page)]
    return [page[start + 1 : end] for start, end in pairwise(bounds) if page[start + 1 : end].strip()]


def _heading(part: str) -> str:
    return part.split("\n", 1)[0]


def _compared(results: Sequence[Result], *, named: bool = False) -> list[str]:
    """A row for each task; `named` where peers differ, so that each is named beside its value."""
    peer = "peer" if named else "sops"
    rows = [f"| task | {peer} | sopskit | ratio | wanted | |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for result in results:
        if result.task in {"start-up", "steps"}:
            continue
        ratio = result.ratio
        cells = [result.task, *(_shown(result.values.get(name), result.unit) for name in (result.peer, "sopskit"))]
        if named and result.peer in result.values:
            cells[1] = f"{result.peer} {cells[1]}"
        cells.append("" if ratio is None else _ratio(ratio))
        cells += ["" if result.target is None else f"at most {_bound(result.target)}", _verdict(result)]
        rows.append("".join(f"| {cell} " if cell else "| " for cell in cells) + "|")
    return rows


def _bound(target: Target | Limit) -> str:
    return _ratio(target.ratio) if isinstance(target, Target) else _shown(target.seconds, "s")


def _verdict(result: Result) -> str:
    met = result.target.met(result) if result.target is not None else None
    return "" if met is None else "met" if met else "**missed**"


def _start_up(results: Sequence[Result]) -> list[str]:
    rows = [
        "Where the time of one small file goes, each step a process of its own:",
        "",
        "| step | time |",
        "| --- | ---: |",
    ]
    for result in results:
        if result.task == "start-up":
            rows += [f"| {step} | {_shown(value, result.unit)} |" for step, value in result.values.items()]
    return rows


def _steps(results: Sequence[Result]) -> list[str]:
    rows = [
        "Where the time of a large file goes, in one process (so without the start-up above), microseconds for each value.",
        "Half of the reading, and of the reading again, is libyaml and the event objects that PyYAML makes of it:",
        "",
        "| step | time |",
        "| --- | ---: |",
    ]
    for result in results:
        if result.task == "steps":
            rows += [f"| {step} | {value:.1f} |" for step, value in result.values.items()]
    return rows


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "KiB":
        return f"{value / 1024:,.0f} MiB"
    return f"{value * 1000:,.1f} ms" if value < 1 else f"{value:,.2f} s"


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"1/{1 / ratio:.0f}"


def _machine() -> str:
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{os.cpu_count()} cores of {model}, {platform.system()}, CPython {platform.python_version()}"

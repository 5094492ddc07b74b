"""The results as the page docs/performance.md."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.tasks import Result

INTRODUCTION = """# Performance

Written by `python -m benchmarks`: sopskit and the released sops do the same work in turn on one machine, each as a
process that starts, works and ends. Medians; the ratio is sopskit's divided by sops's, so below 1 sopskit is
faster (or smaller). Files are encrypted for one age recipient; both decrypt what the released sops wrote.
"""


def page(results: Sequence[Result], versions: str) -> str:
    """The whole page."""
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


def _compared(results: Sequence[Result]) -> list[str]:
    rows = ["| task | sops | sopskit | ratio | wanted | |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for result in results:
        if result.task in {"start-up", "steps"}:
            continue
        ratio = result.ratio
        cells = [result.task, *(_shown(result.values.get(name), result.unit) for name in ("sops", "sopskit"))]
        cells.append("" if ratio is None else _ratio(ratio))
        cells.append("" if result.target is None else f"at most {_ratio(result.target.ratio)}")
        cells.append(
            "" if ratio is None or result.target is None else "met" if result.target.met(ratio) else "**missed**"
        )
        rows.append("".join(f"| {cell} " if cell else "| " for cell in cells) + "|")
    return rows


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

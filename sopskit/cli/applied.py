"""What apply shows: lines for people, or one JSON object for programs. Values are masked in both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.cli.context import Context
    from sopskit.deploy.apply.carry_out import Done
    from sopskit.deploy.apply.plan import Plan
    from sopskit.deploy.apply.target import ObjectId
    from sopskit.deploy.apply.trial import Step
    from sopskit.errors import SopskitError

    Unready = Sequence[tuple[ObjectId, str]]

PLANNED = {
    "+": "to create",
    "~": "to change",
    "-/+": "to recreate",
    "=": "unchanged",
    "-": "to delete",
    "?": "to try later",
}
DONE = {"+": "created", "~": "changed", "-/+": "recreated", "=": "unchanged", "-": "deleted"}
LATER = " (cannot be tried before its namespace or its kind is there)"


class Output(Protocol):
    """Where a run tells what it is about to do and has done."""

    def plan(self, plan: Plan) -> None:
        """What would be done; nothing was."""

    def failed(self, error: SopskitError) -> None:
        """An error that ends the run. The command line shows its message itself, after this."""

    def applied(self, done: Done) -> None:
        """What was done, before anything is waited for."""

    def ended(self, done: Done, unready: Unready) -> None:
        """The end of a run that was not stopped."""


class Lines:
    """A line for each object that does not stay as it is, and the counts."""

    def __init__(self, context: Context, *, with_fields: bool) -> None:
        """`with_fields` adds the fields that change."""
        self._context = context
        self._with_fields = with_fields

    def plan(self, plan: Plan) -> None:
        """Object by object, in the order of applying."""
        self._steps(plan.steps, with_fields=self._with_fields)
        for item in plan.doomed:
            self._context.say(f"- {item.id}")
        self._kept(plan.kept)
        counts = [step.action.value for step in plan.steps] + ["-"] * len(plan.doomed)
        self._context.say(f"{_summary(counts, PLANNED)}; nothing was applied")

    def failed(self, error: SopskitError) -> None:
        """An error for each object that is refused."""
        from sopskit.deploy.apply.plan import RefusedPlanError

        for id, refusal in error.refusals if isinstance(error, RefusedPlanError) else ():
            self._context.note(f"sopskit: error: {id}: {refusal.message}")

    def applied(self, done: Done) -> None:
        """Object by object."""
        self._steps(done.steps, with_fields=False)
        for id in done.deleted:
            self._context.say(f"- {id}")
        self._kept(done.kept)
        self._context.say(_summary([step.action.value for step in done.steps] + ["-"] * len(done.deleted), DONE))

    def ended(self, done: Done, unready: Unready) -> None:  # noqa: ARG002 the protocol's
        """An error for each object that is not ready."""
        for id, why in unready:
            self._context.note(f"sopskit: error: {id}: {why}")

    def _steps(self, steps: Sequence[Step], *, with_fields: bool) -> None:
        for step in steps:
            if step.action.value == "=":
                continue
            later = LATER if step.action.value == "?" else ""
            self._context.say(f"{step.action.value} {step.target.id}{later}")
            for change in step.changes if with_fields else ():
                self._context.say(f"    {change}")

    def _kept(self, kept: frozenset[ObjectId]) -> None:
        for id in sorted(kept):
            self._context.note(f"sopskit: warning: {id} is in the inventory, not in the folder, and stays")


class Json:
    """One object on standard output, whatever happens; its schema is that of `deploy.apply.report`.

    A run that fails has `error` and `hint` in it, and `applied` is null where it was stopped midway.
    """

    def __init__(self, context: Context) -> None:
        """Nothing is written yet."""
        self._context = context
        self._is_applied = False

    def plan(self, plan: Plan) -> None:
        """The plan's report."""
        from sopskit.deploy.apply.report import plan_report

        self._write(plan_report(plan))

    def failed(self, error: SopskitError) -> None:
        """The error, and which objects are refused."""
        from sopskit.deploy.apply.carry_out import StoppedError
        from sopskit.deploy.apply.plan import RefusedPlanError
        from sopskit.deploy.apply.report import VERSION, refused_report

        is_applied = None if isinstance(error, StoppedError) else self._is_applied
        report: dict[str, Any] = {"version": VERSION, "applied": is_applied}
        if isinstance(error, RefusedPlanError):
            report |= refused_report(error)
        self._write({**report, "error": str(error), "hint": error.hint})

    def applied(self, done: Done) -> None:  # noqa: ARG002 the protocol's
        """Nothing yet: there is one object. Only waiting can fail from now on."""
        self._is_applied = True

    def ended(self, done: Done, unready: Unready) -> None:
        """The run's report."""
        from sopskit.deploy.apply.report import done_report

        self._write(done_report(done, unready))

    def _write(self, report: Mapping[str, Any]) -> None:
        self._context.write(json.dumps(report, indent=2).encode() + b"\n")


def _summary(signs: list[str], names: Mapping[str, str]) -> str:
    counts = [f"{signs.count(sign)} {word}" for sign, word in names.items() if sign in signs]
    return ", ".join(counts) or "no objects"

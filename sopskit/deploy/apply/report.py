"""What a run would do or has done, as plain data for programs: ids, actions and field paths, never a value of a Secret.

Every report is a mapping of

- `version`: 1. Fields may be added under this number; none changes its meaning.
- `applied`: whether the run wrote to the cluster.
- `objects`: what is wanted, in the order of applying. Each has `group`, `kind`, `namespace` (empty for kinds that are in
  none), `name`, `action` (`create`, `change`, `same`, `recreate`, or `later` for what cannot be tried before its
  namespace or kind is there) and `changes`.
- `changes` of an object: `action` (`create`, `change`, `delete`), the field's `path`, and `old` and `new` as they may be
  shown: masked, but for a few fields that hold no secret. Empty where there is no such value.
- `deleted`: what is deleted by pruning; `kept`: what is in the inventory, is not wanted, and stays. Ids as above.
- `counts`: how many objects each action has, `delete` included; actions without one are left out.

After a run there is also `unready`: the ids that did not get ready, each with `why`. A refused plan has `refused` instead
of all that: ids with `why` and `hint` (may be null).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sopskit.deploy.apply.diff import Action

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sopskit.deploy.apply.carry_out import Done
    from sopskit.deploy.apply.diff import Change
    from sopskit.deploy.apply.plan import Plan, RefusedPlanError
    from sopskit.deploy.apply.target import ObjectId
    from sopskit.deploy.apply.trial import Step

    Report = dict[str, Any]

VERSION = 1


def plan_report(plan: Plan) -> Report:
    """What a plan would do."""
    return _report(plan.steps, [item.id for item in plan.doomed], plan.kept, applied=False)


def done_report(done: Done, unready: Iterable[tuple[ObjectId, str]] = ()) -> Report:
    """What a run did, and what is not ready after it."""
    report = _report(done.steps, done.deleted, done.kept, applied=True)
    return {**report, "unready": [{**id._asdict(), "why": why} for id, why in unready]}


def refused_report(error: RefusedPlanError) -> Report:
    """What the objects of a plan are refused for."""
    refused = [{**id._asdict(), "why": found.message, "hint": found.hint} for id, found in error.refusals]
    return {"version": VERSION, "applied": False, "refused": refused}


def _report(steps: Sequence[Step], deleted: Sequence[ObjectId], kept: Collection[ObjectId], *, applied: bool) -> Report:
    counts = Counter(step.action for step in steps) + Counter({Action.DELETE: len(deleted)})
    return {
        "version": VERSION,
        "applied": applied,
        "objects": [_object(step) for step in steps],
        "deleted": [id._asdict() for id in deleted],
        "kept": [id._asdict() for id in sorted(kept)],
        "counts": {_name(action): counts[action] for action in Action if counts[action]},
    }


def _object(step: Step) -> Report:
    return {
        **step.target.id._asdict(),
        "action": _name(step.action),
        "changes": [_change(item) for item in step.changes],
    }


def _change(change: Change) -> Report:
    return {"action": _name(change.action), "path": change.path, "old": change.old, "new": change.new}


def _name(action: Action) -> str:
    return action.name.lower()

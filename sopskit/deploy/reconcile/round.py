"""One round of one source, in a child: fetch, verify, open, build, try, apply, prune, wait, check.

Whatever fails before the first write leaves the cluster as it is; deleting comes last and only after all else worked.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sopskit.deploy.apply.carry_out import StoppedError, carry_out, wait_until_ready
from sopskit.deploy.apply.diff import Action
from sopskit.deploy.apply.inventory import Inventory
from sopskit.deploy.apply.ownership import ForeignError
from sopskit.deploy.apply.plan import RefusedPlanError, make_plan
from sopskit.deploy.apply.resources import Discovery
from sopskit.deploy.apply.trial import Settings
from sopskit.deploy.provider import DecryptionProvider
from sopskit.deploy.reconcile.access import Access, account_of, secret_of
from sopskit.deploy.reconcile.idle import snapshot
from sopskit.deploy.reconcile.report import MOST_LINES, UNREACHABLE, Applied, Outcome, Report
from sopskit.errors import (
    BuildError,
    DataKeyError,
    FileAccessError,
    IntegrityError,
    KeyAccessError,
    LimitError,
    RefusalError,
    RefusedError,
    SopskitError,
    UnreachableError,
)
from sopskit.keysources import mounted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.cluster import Connection
    from sopskit.deploy.apply.carry_out import Done
    from sopskit.deploy.apply.plan import Plan
    from sopskit.deploy.apply.target import ObjectId
    from sopskit.deploy.build import Rendered
    from sopskit.deploy.objects import PlainObject
    from sopskit.deploy.reconcile.source import Source
    from sopskit.keysources.mounted import SecretKeyring

TREE = "tree"  # the checkout, in the folder of the round
CONFLICT = "take the fields out of the manifest, or take them over by one `sopskit apply --adopt kubectl` or `flux`"
REPORTED_CONFLICT = (
    "with `drift: report` nothing of others is overwritten: have the same in Git, undo it, or ask for `correct`"
)
UNKNOWN = 401  # the status for a token that the API server does not know


@dataclass(frozen=True, slots=True)
class Order:
    """What a child is told. It holds no secret: the child reads those itself.

    `scratch` is a folder that outlives the round, `folder` one in it for this round alone, which the supervisor removes
    whatever becomes of the child. `account` is the service account of sources that name none, `applied` what the last
    good round found or made.
    """

    source: Source
    access: Access
    scratch: str
    folder: str
    search_path: str
    account: str = ""
    applied: Applied | None = None


def run_round(order: Order) -> bytes:
    """Do it; gives the report as JSON. What fails is in the report."""
    os.mkdir(order.folder, 0o700)
    tempfile.tempdir = order.folder  # the pipes of builds and gpg's home go where the supervisor will look for them
    return _Round(order).run().harmless().to_json()


class _Round:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._source = order.source
        self._revision = ""
        self._key_version = ""
        self._stage = "Connect"

    def run(self) -> Report:
        try:
            return self._run()
        except SopskitError as error:
            return self._failure(error)
        except OSError as error:  # no space for the files, no process more
            why = (error.strerror or type(error).__name__).lower()
            return self._failure(FileAccessError(f"the system that the reconciler runs on refuses: {why}"))

    def _run(self) -> Report:
        base = self._order.access.connect()
        acting = base.acting_as(account_of(self._source, default=self._order.account))
        with contextlib.ExitStack() as held:
            self._stage = "Fetch"
            root = held.enter_context(self._checkout(base))
            self._stage = "Key"
            keyring = held.enter_context(self._keyring(base))
            self._stage = "Build"
            rendered = self._render(root, keyring)
            objects = _objects(rendered)
        self._stage = "Apply"
        return self._apply(base, acting, objects, rendered.secrets)

    # --- from Git to objects

    @contextlib.contextmanager
    def _checkout(self, base: Connection) -> Iterator[Path]:
        """The files of the branch's tip, still encrypted, as long as they are needed."""
        from sopskit.deploy.reconcile.repository import check_out, tip

        source, scratch = self._source, Path(self._order.scratch)
        store, self._revision = tip(base, source, scratch, self._order.search_path)
        root = Path(self._order.folder) / TREE
        self._stage = "Checkout"
        submodules = check_out(store, self._revision, root, self._order.search_path)
        self._refuse_submodules(submodules)
        yield root
        shutil.rmtree(root, ignore_errors=True)

    def _refuse_submodules(self, paths: tuple[str, ...]) -> None:
        """What they hold is not fetched: without kustomize to miss it, it would pass for gone, and be deleted."""
        path = self._source.path
        inside = [name for name in paths if path == "." or f"{name}/".startswith(f"{path}/")]
        if inside:
            raise RefusedError(
                f"{inside[0]} is a submodule, and submodules are not fetched",
                hint="have its files in the repository itself, or make a source of its own for it",
            )

    def _keyring(self, base: Connection) -> SecretKeyring:
        source = self._source
        data, self._key_version = secret_of(base, source.id.namespace, source.keys)
        return mounted.from_data(data, place=f"Secret {source.keys}", search_path=self._order.search_path)

    def _render(self, root: Path, keyring: SecretKeyring) -> Rendered:
        source = self._source
        folder = root / source.path
        if not folder.is_dir() or not folder.resolve().is_relative_to(root.resolve()):
            raise RefusedError(f"the branch has no folder {source.path}")
        provider = DecryptionProvider(keyring, search_path=self._order.search_path)
        return provider.render(folder, root=root, helm=source.helm, kube_version=source.kube_version)

    # --- from objects to the cluster

    def _apply(
        self, base: Connection, acting: Connection, objects: Sequence[PlainObject], secrets: frozenset[str]
    ) -> Report:
        source = self._source
        inventory = Inventory(base, source.owner, source.id.namespace)
        settings = Settings(source.namespace, source.owner, source.policy, secrets, source.prune)
        stored = inventory.read()
        before = self._marks(acting, stored)
        # drift that is only reported is tried as if it were put right, or its conflicts would count as refusals
        settings = settings._replace(reclaim=source.correct or bool(stored and self._was_right()))
        plan = make_plan(acting, objects, settings, inventory)
        pending = [step for step in plan.steps if step.action is not Action.SAME]
        drifted = (
            tuple(f"{step.action.value} {step.target.id}" for step in pending) if stored and self._was_right() else ()
        )
        if drifted and not source.correct:
            return self._report(
                Outcome.DRIFTED, "Drifted", _drift_text(drifted), drifted=drifted, objects=len(plan.steps)
            )
        if not pending and not plan.doomed and plan.stored == plan.ids() | plan.kept:
            report = self._unchanged(plan, before)
        else:
            done = carry_out(acting, plan, settings, inventory)
            report = self._done(plan, done, drifted)
        return self._afterwards(acting, plan, report)

    def _was_right(self) -> bool:
        """Whether the cluster had all of this already: then what differs now was done by others."""
        return self._order.applied == Applied(self._revision, self._source.generation, self._key_version)

    def _marks(self, acting: Connection, stored: frozenset[ObjectId]) -> tuple[tuple[str, ...], str]:
        """The marks before the plan is made: what is written after that will be seen as a change the next time."""
        discovery = Discovery(acting)
        kinds = {(id.group, id.kind) for id in stored}
        resources = {kind: discovery.find_in_group(*kind) for kind in kinds}
        found = {(resources[id.group, id.kind], id.namespace) for id in stored}
        places = sorted({resource.collection(namespace) for resource, namespace in found if resource is not None})
        return tuple(places), snapshot(acting, places, self._source.owner) if places else ""

    def _unchanged(self, plan: Plan, before: tuple[tuple[str, ...], str]) -> Report:
        report = self._report(
            Outcome.UNCHANGED, "Applied", f"{_count(len(plan.steps))} as in {self._short()}", objects=len(plan.steps)
        )
        return replace(report, applied=True, collections=before[0], seen=before[1])

    def _done(self, plan: Plan, done: Done, drifted: tuple[str, ...]) -> Report:
        steps = [step for step in done.steps if step.action is not Action.SAME]
        lines = [f"{step.action.value} {step.target.id}" for step in steps] + [f"- {id}" for id in done.deleted]
        created = sum(step.action is Action.CREATE for step in steps)
        parts = ((created, "created"), (len(steps) - created, "changed"), (len(done.deleted), "deleted"))
        text = ", ".join(f"{count} {word}" for count, word in parts if count) or "nothing to change"
        return replace(
            self._report(Outcome.APPLIED, "Applied", f"{text} from {self._short()}", drifted=drifted),
            applied=True,
            lines=tuple(lines[:MOST_LINES]),
            objects=len(plan.steps),
            created=created,
            changed=len(steps) - created,
            deleted=len(done.deleted),
        )

    def _afterwards(self, acting: Connection, plan: Plan, report: Report) -> Report:
        """Wait for readiness, then ask what must answer. What is applied stays, whatever is found."""
        source = self._source
        if source.wait:
            unready = wait_until_ready(acting, plan.steps, source.wait)
            if unready:
                lines = tuple(f"{id}: {why}" for id, why in unready[:MOST_LINES])
                text = f"{_count(len(unready))} not ready within {source.wait:g} seconds: {lines[0]}"
                return replace(report, outcome=Outcome.FAILED, reason="NotReady", message=text, lines=lines, seen="")
        failures = self._check()
        if failures:
            text = f"after the deployment: {failures[0]}"
            return replace(report, outcome=Outcome.FAILED, reason="CheckFailed", message=text, lines=failures, seen="")
        return report

    def _check(self) -> tuple[str, ...]:
        if not self._source.checks:
            return ()
        from sopskit.deploy.reconcile.checks import run_check

        failures = (run_check(check, within=check.longest) for check in self._source.checks)
        return tuple(str(failure) for failure in failures if failure is not None)

    # --- reports

    def _failure(self, error: SopskitError) -> Report:
        report = self._report(Outcome.FAILED, self._reason(error), str(error), hint=error.hint or "")
        if isinstance(error, RefusedPlanError):
            lines = tuple(f"{id}: {refusal.message}" for id, refusal in error.refusals[:MOST_LINES])
            hint = self._hint([refusal for _, refusal in error.refusals]) or report.hint
            return replace(report, message=f"{report.message}: {lines[0]}", lines=lines, hint=hint)
        if isinstance(error, DataKeyError):
            keys = [key for group in error.groups for key, problem in group.keys if problem is not None]
            missing = ", ".join(dict.fromkeys(keys))
            message = f"{report.message}; encrypted for {missing}" if missing else report.message
            # the error's own hint is for a person with keys of their own
            return replace(
                report, message=message, hint=f"encrypt it for a key in {self._source.keys}, or put its key there"
            )
        return report

    def _hint(self, refusals: Sequence[SopskitError]) -> str:
        """What to do about refusals whose own hints name options of `sopskit apply`."""
        if any(isinstance(refusal, ForeignError) for refusal in refusals):
            return "only the source that has it in its inventory may change it, unless its label sopskit/inventory is removed"
        if any(isinstance(refusal, RefusalError) and refusal.is_conflict for refusal in refusals):
            return CONFLICT if self._source.correct else REPORTED_CONFLICT
        return ""

    def _reason(self, error: SopskitError) -> str:
        """The condition's reason."""
        if isinstance(error, UnreachableError) or (isinstance(error, RefusalError) and error.status == UNKNOWN):
            return UNREACHABLE
        if isinstance(error, StoppedError):
            return "StoppedMidway"
        if self._stage == "Build" and isinstance(error, KeyAccessError):
            return "KeyMissing"
        if self._stage == "Build" and isinstance(error, IntegrityError):
            return "IntegrityFailed"
        if self._stage == "Build" and not isinstance(error, BuildError):
            return "SourceRefused"
        if self._stage == "Checkout":
            return "SourceRefused" if isinstance(error, RefusedError | LimitError) else "FetchFailed"
        return {
            "Connect": UNREACHABLE,
            "Fetch": "FetchFailed",
            "Key": "KeyUnavailable",
            "Build": "BuildFailed",
            "Apply": "ApplyRefused",
        }[self._stage]

    def _report(
        self,
        outcome: Outcome,
        reason: str,
        message: str,
        *,
        hint: str = "",
        drifted: tuple[str, ...] = (),
        objects: int = 0,
    ) -> Report:
        return Report(
            outcome,
            reason,
            # files are named as the repository has them
            message.replace(f"{self._order.folder}/{TREE}/", "").replace(f"{self._order.folder}/{TREE}", "."),
            self._revision,
            hint,
            drifted=drifted[:MOST_LINES],
            objects=objects,
            key_version=self._key_version,
        )

    def _short(self) -> str:
        return self._revision[:12]


def _objects(rendered: Rendered) -> Sequence[PlainObject]:
    objects = rendered.objects()
    if not objects:
        raise RefusedError(
            "the folder builds no object at all, and that is not taken for an order to delete",
            hint="to take everything out of the cluster, delete the objects by hand and suspend the source",
        )
    return objects


def _count(objects: int) -> str:
    return "1 object" if objects == 1 else f"{objects} objects"


def _drift_text(drifted: tuple[str, ...]) -> str:
    return f"{_count(len(drifted))} not as in Git, and left so: {drifted[0]}"

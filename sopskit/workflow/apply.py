"""apply: a folder in, its objects in the cluster; or what would change there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.cluster import Connection, Patience
from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.config.sopskit_yaml import DEFAULT, NAME, read_team_config
from sopskit.deploy.apply.carry_out import Done, carry_out, wait_until_ready
from sopskit.deploy.apply.inventory import Inventory
from sopskit.deploy.apply.plan import Plan, make_plan
from sopskit.deploy.apply.policy import read_policy
from sopskit.deploy.apply.trial import Settings
from sopskit.errors import FileAccessError, RefusedError, UsageError
from sopskit.redact import escape
from sopskit.workflow.environments import is_protected
from sopskit.workflow.render import render, work_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sopskit.deploy.apply.target import ObjectId
    from sopskit.sops.masterkeys import Keyring


class Request(NamedTuple):
    """What a person asks for. `name` is the inventory's, empty for none; `within` the seconds to wait, 0 for not at all."""

    folder: Path
    kubeconfigs: Sequence[str]
    context: str | None = None
    namespace: str | None = None
    name: str = ""
    prune: bool = False
    adopt: frozenset[str] = frozenset()
    policy: Path | None = None
    within: float = 0
    patience: Patience = Patience()
    progress: Callable[[int, int], None] = lambda done, total: None  # noqa: ARG005


class Prepared(NamedTuple):
    """A plan, and what is needed to carry it out."""

    connection: Connection
    plan: Plan
    settings: Settings
    inventory: Inventory | None


def prepare(request: Request, keyring: Keyring, environ: Mapping[str, str]) -> Prepared:
    """Build the folder, then try every object. Nothing is applied.

    Raises what `render` does before the cluster is asked anything, and what `make_plan` and `read_kubeconfig` do.
    """
    if request.prune and not request.name:
        raise UsageError("--prune needs --name", hint="the name of the inventory that says what was applied before")
    root = work_tree(request.folder.resolve())
    policy = None
    if request.policy is not None:
        policy = read_policy(request.policy, request.folder.resolve().relative_to(root).as_posix(), root)
    rendered = render(request.folder, keyring, environ)
    objects = rendered.objects()
    kubeconfig = read_kubeconfig(request.kubeconfigs, request.context)
    if problem := kubeconfig.exposed():
        raise RefusedError(
            f"secrets are not sent in the context {escape(kubeconfig.context)}: {problem}",
            hint="give the kubeconfig the certificate-authority of its cluster, and an https URL",
        )
    connection = Connection(kubeconfig, patience=request.patience)
    namespace = request.namespace or kubeconfig.namespace
    inventory = Inventory(connection, request.name, namespace) if request.name else None
    settings = Settings(
        namespace, request.name, policy, rendered.secrets, request.prune, request.adopt, request.progress
    )
    return Prepared(connection, make_plan(connection, objects, settings, inventory), settings, inventory)


def apply(prepared: Prepared, progress: Callable[[int, int], None]) -> Done:
    """Carry a plan out. Raises `StoppedError`."""
    settings = prepared.settings._replace(progress=progress)
    return carry_out(prepared.connection, prepared.plan, settings, prepared.inventory)


def wait(prepared: Prepared, done: Done, within: float) -> list[tuple[ObjectId, str]]:
    """The objects that are not ready after so many seconds, and why."""
    return wait_until_ready(prepared.connection, done.steps, within)


def protection(request: Request, context: str) -> str:
    """What is protected about a run, empty if nothing: the folder's environment as `.sopskit.yaml` says, or the context.

    A context is protected by its name, such as `production` or `eu-prod`. Raises `ConfigError`, `FileAccessError`.
    """
    folder = request.folder.resolve()
    root = work_tree(folder)
    source = _read(root / NAME)
    team = DEFAULT if source is None else read_team_config(NAME, source, read_file=lambda name: _read(root / name))
    environment = team.environment_of((folder.relative_to(root) / "kustomization.yaml").as_posix())
    if environment is not None and environment.protected:
        return environment.name
    return context if is_protected(context) else ""


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileAccessError(error.strerror or "cannot be read").at(file=str(path)) from None


def kubeconfig_paths(environ: Mapping[str, str]) -> list[str]:
    """Where kubectl looks: KUBECONFIG, a list, else the file in the home folder."""
    named = environ.get("KUBECONFIG", "")
    return named.split(os.pathsep) if named else [os.path.join(environ.get("HOME", ""), ".kube", "config")]

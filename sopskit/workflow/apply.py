"""apply: a folder in, its objects in the cluster; or what would change there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.sopskit_yaml import DEFAULT, NAME, read_team_config
from sopskit.deploy.apply.carry_out import Done, carry_out, wait_until_ready
from sopskit.deploy.apply.inventory import Inventory
from sopskit.deploy.apply.plan import Plan, make_plan
from sopskit.deploy.apply.policy import read_policy
from sopskit.deploy.apply.trial import Settings
from sopskit.errors import FileAccessError
from sopskit.workflow.environments import is_protected
from sopskit.workflow.render import render, work_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sopskit.cluster import Connection
    from sopskit.deploy.apply.target import ObjectId
    from sopskit.sops.masterkeys import Keyring


class Request(NamedTuple):
    """What a person asks for. `name` is the inventory's, empty for none; `within` the seconds to wait, 0 for not at all.

    Without an inventory nothing is pruned. With `helm` the objects of their charts are applied in the place of HelmReleases.
    """

    folder: Path
    namespace: str | None = None
    name: str = ""
    prune: bool = False
    adopt: frozenset[str] = frozenset()
    recreate: bool = False
    policy: Path | None = None
    within: float = 0
    helm: bool = False
    kube_version: str = ""
    progress: Callable[[int, int], None] = lambda done, total: None  # noqa: ARG005


class Prepared(NamedTuple):
    """A plan, and what is needed to carry it out."""

    connection: Connection
    plan: Plan
    settings: Settings
    inventory: Inventory | None


def prepare(
    request: Request, connection: Callable[[], Connection], keyring: Keyring, environ: Mapping[str, str]
) -> Prepared:
    """Build the folder, then try every object. Nothing is applied.

    Raises what `render` does before `connection` is asked for, and then what that and `make_plan` do.
    """
    root = work_tree(request.folder.resolve())
    policy = None
    if request.policy is not None:
        policy = read_policy(request.policy, request.folder.resolve().relative_to(root).as_posix(), root)
    rendered = render(request.folder, keyring, environ, helm=request.helm, kube_version=request.kube_version)
    objects = rendered.objects()
    opened = connection()
    settings = Settings(
        request.namespace or opened.access.namespace,
        request.name,
        policy=policy,
        secrets=rendered.secrets,
        prune=request.prune,
        adopt=request.adopt,
        recreate=request.recreate,
        progress=request.progress,
    )
    inventory = Inventory(opened, request.name, settings.namespace) if request.name else None
    return Prepared(opened, make_plan(opened, objects, settings, inventory), settings, inventory)


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

"""reconcile: the parts of the reconciler put together."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from sopskit.deploy import shadow
from sopskit.deploy.notify.delivery import Delivery
from sopskit.deploy.reconcile.access import Access, secret_of
from sopskit.deploy.reconcile.events import Events
from sopskit.deploy.reconcile.forked import Limits
from sopskit.deploy.reconcile.leadership import Leadership
from sopskit.deploy.reconcile.lease import Lease
from sopskit.deploy.reconcile.listing import ApiListing, FileListing
from sopskit.deploy.reconcile.looking import Looker
from sopskit.deploy.reconcile.loop import Settings, Supervisor
from sopskit.deploy.reconcile.metrics import Metrics
from sopskit.deploy.reconcile.telling import Teller
from sopskit.errors import FileAccessError
from sopskit.keysources import gpghome
from sopskit.keysources.ownfolder import make_own_folder, remove_left_folders
from sopskit.memory import SHARED_MEMORY
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

PREFIX = "sopskit-reconcile-"
DEFAULT_ACCOUNT = "default"  # the service account that every namespace has
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # cgroup v2: a number of bytes, or `max`
LEAST_MEMORY = 2 * 1024**3  # bytes of address space; with less kustomize and helm, which reserve much, do not start
LAST_NOTICES = 5.0  # seconds at the end to deliver what waits


class Options(NamedTuple):
    """What a person asks for. `lease` is a namespace and a name; without kubeconfigs the pod's service account is taken."""

    kubeconfigs: tuple[str, ...]
    context: str | None = None
    search_path: str = os.defpath
    config: Path | None = None
    namespaces: tuple[str, ...] = ()
    selector: str = ""
    once: bool = False
    parallel: int = 4
    scratch: Path | None = None
    lease: tuple[str, str] | None = None
    listen: str | None = None
    cluster: str = ""


def kubeconfigs(named: str | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The kubeconfig files that are there: as kubectl finds them, none in a pod."""
    if named:
        return (named,)
    if environ.get("KUBECONFIG"):
        return tuple(environ["KUBECONFIG"].split(os.pathsep))
    path = os.path.join(environ.get("HOME", ""), ".kube", "config")
    return (path,) if os.path.exists(path) else ()


class Reconciler:
    """A reconciler with its scratch folder, its lease and its web server. A context manager; `run` is called once."""

    def __init__(self, options: Options, log: Callable[[str], None]) -> None:
        """Connects to nothing that could be away. Raises what reading credentials raises."""
        self._options = options
        self._held = contextlib.ExitStack()
        self._log = _Log(log)
        access = Access(options.kubeconfigs, options.context)
        if options.scratch is not None and not options.scratch.is_dir():
            raise FileAccessError("is no folder", hint="make it, in memory if you can").at(file=str(options.scratch))
        self._connection = access.connect()
        remove_left_folders((SHARED_MEMORY, tempfile.gettempdir()), (gpghome.PREFIX, shadow.PREFIX, PREFIX))
        self._scratch = options.scratch or Path(self._held.enter_context(_scratch()))
        account = "" if options.config is not None else DEFAULT_ACCOUNT
        self._instance = f"{platform.node()}-{uuid.uuid4().hex[:8]}"
        self._metrics = Metrics()
        looker = Looker(self._connection, account=account, search_path=options.search_path)
        settings = Settings(
            access,
            str(self._scratch),
            options.search_path,
            account,
            parallel=options.parallel,
            memory=_memory_of_a_round(),
            once=options.once,
        )
        self._supervisor = Supervisor(settings, self._listing(), looker, self._teller(), log=self._log)

    def _listing(self) -> ApiListing | FileListing:
        options = self._options
        if options.config is not None:
            return FileListing(options.config)
        return ApiListing(self._connection, options.namespaces, options.selector)

    def _teller(self) -> Teller:
        options = self._options
        objects = options.config is None
        events = Events(self._connection, self._instance, self._log) if objects else None
        delivery = Delivery(self._secret, count=self._metrics.notification, log=self._log)
        self._held.callback(delivery.close, LAST_NOTICES)
        cluster = options.cluster or self._connection.access.context
        status = self._connection if objects else None
        log_all = options.once
        return Teller(status, events, self._metrics, delivery.notify, self._log, cluster, log_all=log_all)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End what was started, and remove the scratch folder if it is ours."""
        self._held.close()

    def stop(self) -> None:
        """Let running rounds finish, and return from `run`. May be called by a signal's handler."""
        self._supervisor.stop()

    def run(self) -> bool:
        """Work until `stop`, or until every source has had its one round; whether the last round of each was good."""
        options, supervisor = self._options, self._supervisor
        if options.listen is not None:
            from sopskit.deploy.reconcile.probes import Probes

            probes = Probes(
                options.listen,
                metrics=self._metrics.text,
                last_tick=lambda: supervisor.last_tick,
                ready=lambda: supervisor.is_ready,
            )
            probes.start()
            self._held.callback(probes.close)
        leadership = None
        if options.lease is None:
            self._metrics.leading(True)
        else:
            lease = Lease(self._connection, *options.lease, self._instance)
            leadership = Leadership(lease, self._lead, self._log)
        if not options.once:
            self._log(f"sources: {self._told()}")
        supervisor.run(leadership)
        if options.once and not supervisor.sources:
            self._log("there is no source")
        return supervisor.all_good

    def _told(self) -> str:
        """Which sources are followed: `namespaces team-a, team-b, label fleet=eu, cluster prod`."""
        options = self._options
        if options.config is not None:
            return f"file {escape(str(options.config))}, cluster {escape(self._connection.access.context)}"
        places = f"namespaces {', '.join(options.namespaces)}" if options.namespaces else "all namespaces"
        label = f", label {options.selector}" if options.selector else ""
        return escape(f"{places}{label}, cluster {self._connection.access.context}")

    def _lead(self, leading: bool) -> None:
        self._supervisor.lead(leading)  # first of all: telling may fail or take a while
        self._metrics.leading(leading)
        self._log("this replica works" if leading else "another replica works")

    def _secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        return secret_of(self._connection, namespace, name)[0]


def _memory_of_a_round(file: Path = CGROUP_LIMIT) -> int:
    """Bytes for one round: three quarters of what the container has, so that a bomb ends the round and not the container."""
    try:
        found = int(file.read_text())
    except (OSError, ValueError):
        return Limits().memory  # no container, or one without a limit
    return max(LEAST_MEMORY, found * 3 // 4)


class _Log:
    """Lines with a time. The same line as before is not repeated within a minute."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last = ("", float("-inf"))

    def __call__(self, line: str) -> None:
        now = time.monotonic()
        if line == self._last[0] and now - self._last[1] < 60:
            return
        self._last = (line, now)
        self._write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}")


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    """A folder of our own in memory; clones in it are still encrypted, but credentials for Git may pass through it."""
    parent = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    folder, held = make_own_folder(PREFIX, parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)

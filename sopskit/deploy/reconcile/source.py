"""A source: which folder of which branch shall be in the cluster, opened with which key, as whom.

The object `SopsSource` of the API, or a document of the same shape in a file, as typed values. What cannot be understood
is a value too: one bad source must not stop the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.apply.policy import Entry, Policy, are_names
from sopskit.deploy.apply.target import LABEL
from sopskit.deploy.reconcile.fields import Fields
from sopskit.errors import ConfigError
from sopskit.git.remote import BRANCH
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP = "reconcile.sopskit"
API_VERSION = f"{GROUP}/v1alpha1"
KIND = "SopsSource"
PLURAL = "sopssources"
NOTICES = ("applied", "failed", "drifted", "recovered", "rotated")
CHANNELS = ("webhook", "slack", "github", "gitlab")
SHORTEST_INTERVAL = 5.0  # seconds
# seconds for a round, and for waiting after it: others wait for the child that it keeps
LONGEST_ROUND = 3600.0
LONGEST_CHECK = 300.0  # seconds, with all its retries
REQUEST = f"{GROUP}/requestedAt"  # an annotation: another value of it asks for a round now
LONGEST_REQUEST = 256  # characters
SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")


class SourceId(NamedTuple):
    """What a source is called."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """`namespace/name`."""
        return escape(f"{self.namespace}/{self.name}")

    @property
    def path(self) -> str:
        """Its URL's."""
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/{PLURAL}/{self.name}"


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must answer after the deployment. One of `url` and `address` is set; times are in seconds."""

    name: str
    url: str = ""
    status: int = 200
    contains: str = ""
    address: str = ""
    timeout: float = 5.0
    retries: int = 3
    every: float = 2.0

    @property
    def longest(self) -> float:
        """Seconds that all its attempts take at most."""
        return min(LONGEST_CHECK, (self.retries + 1) * (self.timeout + self.every))


@dataclass(frozen=True, slots=True)
class Channel:
    """Who is told of what: a kind of receiver, and the Secret with its address or token."""

    type: str
    secret: str
    kinds: frozenset[str] = frozenset(NOTICES)


@dataclass(frozen=True, slots=True)
class Source:
    """One source. Times are in seconds; names of Secrets are of its own namespace, empty for none.

    `request` is the value of the annotation `REQUEST`, cut, empty for none.
    """

    id: SourceId
    repository: str
    branch: str
    path: str
    keys: str
    credentials: str = ""
    account: str = ""
    namespace: str = ""
    interval: float = 60.0
    retry: float = 30.0
    timeout: float = 300.0
    prune: bool = True
    correct: bool = True
    helm: bool = False
    kube_version: str = ""
    suspended: bool = False
    signers: tuple[str, ...] = ()
    policy: Policy | None = None
    wait: float = 0.0
    checks: tuple[Check, ...] = ()
    channels: tuple[Channel, ...] = ()
    generation: int = 0
    uid: str = ""
    request: str = ""

    @property
    def longest(self) -> float:
        """Seconds that a round may take, with the waiting and the checks after it."""
        return self.timeout + self.wait + sum(check.longest for check in self.checks)

    def applies_as(self, other: Source) -> bool:
        """Whether it would apply the same as another one: how often, how long and who is told make no difference."""
        return _effect(self) == _effect(other)

    @property
    def owner(self) -> str:
        """The name of its inventory and the value of the label on its objects: one for each source of a cluster."""
        from hashlib import sha256

        digest = sha256(f"{self.id.namespace}/{self.id.name}".encode()).hexdigest()[:16]
        readable = re.sub(r"[^a-z0-9-]", "-", f"{self.id.namespace}-{self.id.name}")[:46].strip("-")
        return f"{readable}-{digest}"


def _effect(source: Source) -> Source:
    """A source without what says nothing of the objects."""
    return replace(
        source,
        interval=0.0,
        retry=0.0,
        timeout=0.0,
        wait=0.0,
        correct=True,
        suspended=False,
        checks=(),
        channels=(),
        generation=0,
        request="",
    )


class BadSource(NamedTuple):
    """A source that is not understood, and why."""

    id: SourceId
    generation: int
    message: str
    uid: str = ""


def read_source(content: Mapping[str, Any]) -> Source | BadSource:
    """A source from an object of the API or of a file."""
    metadata = content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    id = SourceId(str(metadata.get("namespace") or "default"), str(metadata.get("name") or ""))
    generation = metadata.get("generation")
    generation = generation if isinstance(generation, int) else 0
    uid = str(metadata.get("uid") or "")
    try:
        if not LABEL.match(id.namespace) or not SUBDOMAIN.match(id.name):
            raise ConfigError("metadata.name or metadata.namespace is none that a cluster can have")
        source = _source(id, Fields(content.get("spec"), "spec"))
        return replace(source, generation=generation, uid=uid, request=_request(metadata))
    except ConfigError as error:
        return BadSource(id, generation, error.message, uid)


def _request(metadata: Mapping[str, Any]) -> str:
    """It may be any text, which people write: nothing but another one is asked for."""
    annotations = metadata.get("annotations")
    value = annotations.get(REQUEST) if isinstance(annotations, dict) else None
    return escape(value[:LONGEST_REQUEST]) if isinstance(value, str) else ""


def _source(id: SourceId, spec: Fields) -> Source:
    source = Source(
        id=id,
        repository=spec.text("repository", required=True),
        branch=spec.text("branch", "main", BRANCH),
        path=_inside(spec.text("path", ".")),
        keys=spec.secret("keys", required=True),
        credentials=spec.secret("credentials"),
        account=spec.text("serviceAccountName", "", SUBDOMAIN),
        namespace=spec.text("targetNamespace", id.namespace, LABEL),
        interval=max(SHORTEST_INTERVAL, spec.duration("interval", 60.0)),
        retry=max(SHORTEST_INTERVAL, spec.duration("retryInterval", 30.0)),
        timeout=min(LONGEST_ROUND, spec.duration("timeout", 300.0) or 300.0),
        prune=spec.flag("prune", default=True),
        correct=spec.choice("drift", ("correct", "report")) == "correct",
        helm=spec.flag("helm", default=False),
        kube_version=spec.text("kubeVersion", ""),
        suspended=spec.flag("suspend", default=False),
        signers=_signers(spec),
        policy=_policy(spec),
        wait=min(LONGEST_ROUND, spec.duration("wait", 0.0)),
        checks=tuple(_check(item) for item in spec.items("checks")),
        channels=tuple(_channel(item) for item in spec.items("notify")),
    )
    spec.close()
    return source


def _inside(path: str) -> str:
    """A path below the repository's root. Raises `ConfigError` for one that leads out."""
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if path.startswith("/") or ".." in parts or "\0" in path or ".git" in parts:
        raise ConfigError("spec.path leads out of the repository")
    return "/".join(parts) or "."


def _signers(spec: Fields) -> tuple[str, ...]:
    signers = tuple(spec.texts("signedBy"))
    if not signers and spec.is_given("signedBy"):
        raise ConfigError("spec.signedBy is empty, and would let every commit pass")
    return signers


def _policy(spec: Fields) -> Policy | None:
    entries = []
    for item in spec.items("policy"):
        sets = (frozenset(item.texts(name)) for name in ("kinds", "namespaces", "clusterKinds", "names"))
        if item.is_given("names") and not are_names(item.texts("names")):
            raise ConfigError(f"{item.place}.names are names, with * at the end of one only")
        entries.append(Entry((), *sets))
        item.close()
    if not entries and spec.is_given("policy"):
        raise ConfigError("spec.policy is empty, and would let everything pass")
    return Policy(tuple(entries)) if entries else None


def _check(item: Fields) -> Check:
    http, tcp = item.inner("http"), item.inner("tcp")
    if (http is None) == (tcp is None):
        raise ConfigError(f"{item.place} needs one of http and tcp")
    check = Check(
        name=item.text("name", required=True),
        url=http.text("url", required=True) if http else "",
        status=http.number("status", 200) if http else 200,
        contains=http.text("contains", "") if http else "",
        address=tcp.text("address", required=True) if tcp else "",
        timeout=item.duration("timeout", 5.0) or 5.0,
        retries=item.number("retries", 3),
        every=item.duration("every", 2.0),
    )
    for part in (item, http, tcp):
        if part is not None:
            part.close()
    return check


def _channel(item: Fields) -> Channel:
    wanted = item.texts("events") or list(NOTICES)
    unknown = set(wanted) - set(NOTICES)
    if unknown:
        raise ConfigError(f"{item.place}.events knows {', '.join(NOTICES)}")
    channel = Channel(item.choice("type", CHANNELS), item.secret("secretRef", plain=True), frozenset(wanted))
    item.close()
    return channel

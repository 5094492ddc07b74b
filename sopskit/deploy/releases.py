"""HelmReleases of Flux: what they ask for, and their values, merged as Flux's helm-controller merges them."""

from __future__ import annotations

import copy
import hashlib
import os
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.objects import load_documents
from sopskit.deploy.targetpath import assign
from sopskit.errors import BuildError, RefusedError, SopskitError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sopskit.deploy.objects import Plain, PlainObject

GROUP = "helm.toolkit.fluxcd.io/"
VERSIONS = frozenset((f"{GROUP}v2", f"{GROUP}v2beta2", f"{GROUP}v2beta1"))
KIND = "HelmRelease"
GIT = "GitRepository"
VALUES_KEY = "values.yaml"
LONGEST_RELEASE = 53  # characters, Helm's own limit
SHORTENED = 40
LEAST_DIGITS = 6  # of a number that may be a secret
NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
# what would change the objects, and is not carried out here: where it stands in the spec, and why it is refused
REFUSED = (
    (("chartRef",), "its chart is not in the repository"),
    (("kubeConfig",), "its objects belong to another cluster"),
    (("postRenderers",), "post-renderers are not run"),
    (("commonMetadata",), "common labels and annotations are not added"),
    (("suspend",), "Flux would leave what is in the cluster as it is"),
    (("chart", "spec", "valuesFile"), "Flux has replaced it by valuesFiles"),
)


class ValuesReference(NamedTuple):
    """An entry of `valuesFrom`: a data key of a ConfigMap or Secret, and where in the values it belongs."""

    kind: str
    name: str
    key: str = VALUES_KEY
    path: str = ""
    optional: bool = False
    literal: bool = False


class HelmRelease(NamedTuple):
    """What a HelmRelease asks for. `namespace` is the object's own, `target` that of what is installed.

    `defaults` are the files that stand for the chart's values.yaml (`valuesFiles`).
    """

    service: str
    namespace: str
    name: str
    target: str
    chart: str
    version: str
    source: str
    defaults: tuple[str, ...]
    may_miss_defaults: bool
    crds: bool
    hooks: bool
    references: tuple[ValuesReference, ...]
    values: Mapping[str, Plain]

    def __str__(self) -> str:
        """`HelmRelease dev/service1`."""
        return f"{KIND} {self.namespace}/{self.service}" if self.namespace else f"{KIND} {self.service}"

    def __repr__(self) -> str:
        """Which, not what it holds."""
        return f"<{self}>"


def is_release(obj: PlainObject) -> bool:
    """Whether an object is a HelmRelease of Flux, of whatever version."""
    return obj.kind == KIND and obj.api_version.startswith(GROUP)


def read_release(obj: PlainObject) -> HelmRelease:
    """What a HelmRelease asks for. Raises `RefusedError` for what is not carried out, and `BuildError` for a broken one."""
    try:
        return _read(obj)
    except SopskitError as error:
        error.message = f"{escape(str(obj.identity))}: {error.message}"
        raise
    except (AttributeError, TypeError, ValueError):
        raise BuildError(f"{escape(str(obj.identity))}: a field is not of the type that it should be") from None


def _read(obj: PlainObject) -> HelmRelease:
    spec = obj.reveal().get("spec")
    if obj.api_version not in VERSIONS:
        raise RefusedError(f"the version {escape(obj.api_version)} is not known", hint=f"use {GROUP}v2")
    if not isinstance(spec, dict):
        raise BuildError("it has no spec")
    for path, reason in REFUSED:
        if at(spec, *path):
            raise RefusedError(f"spec.{'.'.join(path)} is set: {reason}", hint="leave such a release to Flux")
    chart = at(spec, "chart", "spec", "chart")
    if not isinstance(chart, str) or not chart:
        raise BuildError("spec.chart.spec.chart names no chart")
    target = _text(spec.get("targetNamespace"))
    name = _release_name(_text(spec.get("releaseName")), target, obj.name)
    if not NAME.fullmatch(name) or not NAME.fullmatch(target or obj.namespace or "default"):
        raise BuildError("the name or the namespace of the release is none that Kubernetes takes")
    return HelmRelease(
        service=obj.name,
        namespace=obj.namespace,
        name=name,
        target=target or obj.namespace,
        chart=chart,
        version=_text(at(spec, "chart", "spec", "version")),
        source=_text(at(spec, "chart", "spec", "sourceRef", "kind")),
        defaults=tuple(map(_text, at(spec, "chart", "spec", "valuesFiles") or ())),
        may_miss_defaults=at(spec, "chart", "spec", "ignoreMissingValuesFiles") is True,
        crds=at(spec, "install", "crds") != "Skip" and at(spec, "install", "skipCRDs") is not True,
        hooks=at(spec, "install", "disableHooks") is not True,
        references=tuple(map(_reference, spec.get("valuesFrom") or ())),
        values=_mapping(spec.get("values")),
    )


def at(spec: Any, *path: str) -> Any:
    """What stands at a path of nested mappings; None if nothing does."""
    for part in path:
        spec = spec.get(part) if isinstance(spec, dict) else None
    return spec


def _text(value: Plain) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError
    return value


def _mapping(value: Plain) -> dict[str, Plain]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError
    return value


def _release_name(own: str, target: str, name: str) -> str:
    """What Helm is to call it: helm-controller puts the target namespace before the name, and shortens what is too long."""
    full = own or (f"{target}-{name}" if target else name)
    if len(full) <= LONGEST_RELEASE:
        return full
    return f"{full[:SHORTENED]}-{hashlib.sha256(full.encode()).hexdigest()[:12]}"


def _reference(entry: Plain) -> ValuesReference:
    fields = _mapping(entry)
    kind, name = fields.get("kind"), fields.get("name")
    if kind not in ("Secret", "ConfigMap") or not isinstance(name, str) or not name:
        raise BuildError("an entry of valuesFrom names no Secret and no ConfigMap")
    return ValuesReference(
        str(kind),
        name,
        _text(fields.get("valuesKey")) or VALUES_KEY,
        _text(fields.get("targetPath")),
        optional=fields.get("optional") is True,
        literal=fields.get("literal") is True,
    )


def merged_values(
    release: HelmRelease, objects: Iterable[PlainObject], defaults: Mapping[str, Plain]
) -> dict[str, Plain]:
    """The values of a release: `defaults`, over them those of `valuesFrom` in their order, over them its own.

    A value with a targetPath covers the release's own, but for one at the top: those are merged in again at the end,
    and share what is below with what it was put into (fluxcd/pkg, chartutil.ChartValuesFromReferences). `objects` are
    those of the same render. Raises `RefusedError` for a ConfigMap, Secret or data key that is not there and not
    optional, and `BuildError` for values that are no mapping.
    """
    sources = {obj.identity: obj for obj in objects if obj.kind in ("Secret", "ConfigMap")}
    own = copy.deepcopy(dict(release.values))
    values = copy.deepcopy(dict(defaults))
    for reference in release.references:
        try:
            text = _referred(reference, release.namespace, sources)
            if text is None:
                continue
            if reference.path:
                values = merge(values, own)
                assign(values, reference.path, text, literal=reference.literal)
            else:
                values = merge(values, read_values(text.encode("utf-8", "surrogatepass")))
        except SopskitError as error:
            place = f"valuesFrom {reference.kind} {reference.name}, {reference.key}"
            error.message = f"{escape(str(release))}: {escape(place)}: {error.message}"
            error.location = None
            raise
    return merge(values, own)


def texts_of_secrets(release: HelmRelease, objects: Iterable[PlainObject]) -> frozenset[str]:
    """The values that a release takes from Secrets, as texts: wherever a chart puts them, they are secret.

    Numbers of a few digits are left out, for they are everywhere. Raises as `merged_values` does.
    """
    secrets = {obj.identity: obj for obj in objects if obj.kind == "Secret"}
    found: set[str] = set()
    for reference in release.references:
        text = _referred(reference, release.namespace, secrets) if reference.kind == "Secret" else None
        if text is not None:
            found |= {text} if reference.path else set(_texts(read_values(text.encode("utf-8", "surrogatepass"))))
    return frozenset(found)


def _texts(value: Plain) -> Iterator[str]:
    if isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _texts(below)
    elif isinstance(value, str) or len(str(value)) >= LEAST_DIGITS:
        yield str(value)


def read_values(text: bytes) -> dict[str, Plain]:
    """The values in a YAML text. Raises `BuildError`."""
    documents = load_documents(text)
    if len(documents) > 1 or not isinstance(content := documents[0] if documents else None, dict | None):
        raise BuildError("the values are no mapping")
    return content or {}


def merge(below: Mapping[str, Plain], above: Mapping[str, Plain]) -> dict[str, Plain]:
    """Both in one; where both have a mapping they are merged, else the upper one counts, null included."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _referred(reference: ValuesReference, namespace: str, sources: Mapping[Any, PlainObject]) -> str | None:
    """The text that a reference means; None if it is not there and may be missing."""
    obj = sources.get((reference.kind, namespace, reference.name))
    text = _entry(obj.reveal(), reference) if obj is not None else None
    if text is None and not reference.optional:
        missing = "it is not among what was rendered" if obj is None else "it has no such data key"
        raise RefusedError(missing, hint="render the folder that has all of what the release refers to")
    return text


def _entry(content: Mapping[str, Plain], reference: ValuesReference) -> str | None:
    """A data key's text. In a Secret stringData covers data, as in the cluster; binaryData is not looked at, as in Flux."""
    text = _mapping(content.get("stringData" if reference.kind == "Secret" else "data")).get(reference.key)
    packed = _mapping(content.get("data")).get(reference.key)
    if isinstance(text, str):
        return text
    if not isinstance(packed, str):
        return None
    try:
        return b64decode(packed).decode("utf-8")
    except ValueError:
        raise BuildError("the data key holds no text") from None


def chart_places(release: HelmRelease, charts: str) -> tuple[str, ...]:
    """Where the chart may be, relative to the root: as a path if it comes from Git, and in the folder of charts.

    Raises `RefusedError` for a chart that is an address or an absolute path.
    """
    if "://" in release.chart or os.path.isabs(release.chart):
        raise RefusedError(
            f"{escape(str(release))}: its chart is not in the repository", hint="keep a copy of the chart there"
        )
    vendored = os.path.join(charts, os.path.basename(release.chart.rstrip("/")))
    return (release.chart, vendored) if release.source == GIT else (vendored,)

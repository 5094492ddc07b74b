"""The HelmReleases of a render, and the objects that come in their place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sopskit.config.sopskit_yaml import FOLDERS, HELM_FOLDER, HELM_SUFFIX, layout_of
from sopskit.deploy.build import Rendered
from sopskit.deploy.charts import CHART_FILE, ChartFiles, template
from sopskit.deploy.finishing import finish
from sopskit.deploy.objects import read_objects
from sopskit.deploy.process import find_program
from sopskit.deploy.releases import (
    GIT,
    KIND,
    HelmRelease,
    at,
    chart_places,
    is_release,
    merge,
    merged_values,
    read_release,
    read_values,
    texts_of_secrets,
)
from sopskit.deploy.stream import join_documents, split_documents, write_object
from sopskit.deploy.tree import SourceReader
from sopskit.errors import BuildError, RefusedError, SopskitError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.deploy.objects import Plain, PlainObject
    from sopskit.deploy.opening import SourceOpener

CHARTS = "helm-charts"
HOOK = "helm.sh/hook"
# built-in kinds without a namespace (Kubernetes 1.36, `kubectl api-resources --namespaced=false`)
CLUSTER_KINDS = frozenset(
    (
        "APIService",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterTrustBundle",
        "CSIDriver",
        "CSINode",
        "CustomResourceDefinition",
        "DeviceClass",
        "FlowSchema",
        "IngressClass",
        "IPAddress",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "ResourceSlice",
        "RuntimeClass",
        "ServiceCIDR",
        "StorageClass",
        "StorageVersionMigration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
        "VolumeAttributesClass",
    )
)


def render_releases(
    rendered: Rendered, folder: Path, root: Path, opener: SourceOpener, search_path: str, *, kube_version: str = ""
) -> Rendered:
    """Put in the place of every HelmRelease of a stream the objects that its chart gives.

    Charts and files of values are those of the repository, `root`; `folder`, from which the stream was rendered, tells
    the environment. Both are resolved paths. `search_path` is where helm is looked for. Helm is given the values by a
    pipe, and starts without network, plugins and the user's configuration.

    Raises `RefusedError` for a release, or a chart, that cannot be rendered so as Flux would, `BuildError` if helm
    fails, whose words are never quoted, and what reading and opening raises. All or nothing.
    """
    objects = rendered.objects()
    if not any(is_release(obj) for obj in objects):
        return rendered
    _refuse_hidden(objects, rendered.secrets)
    program = find_program("helm", search_path)
    if program is None:
        raise BuildError("there is a HelmRelease, and the helm program was not found", hint="add helm to PATH")
    reader = SourceReader(root, opener)
    work = _Releases(
        objects,
        folder,
        reader,
        program,
        size_limit=opener.limits.size,
        kube_version=kube_version,
        hidden=rendered.secrets,
    )
    stream = join_documents(part for document in split_documents(rendered.stream) for part in work.replace(document))
    secrets = rendered.secrets | work.secrets
    finished = finish(stream, opener, str(folder), secrets)
    return Rendered(finished.stream, secrets | finished.secrets)


class _Releases:
    """The work of one `render_releases`. `secrets` are values that were encrypted, or are in Secrets."""

    def __init__(
        self,
        objects: tuple[PlainObject, ...],
        folder: Path,
        reader: SourceReader,
        program: str,
        *,
        size_limit: int,
        kube_version: str,
        hidden: frozenset[str],
    ) -> None:
        self._objects = objects
        self._reader = reader
        self._charts = SourceReader(reader.root, ChartFiles(size_limit))
        self._program = program
        self._kube_version = kube_version
        self._hidden = hidden
        self._places = folders_of_layout(folder.relative_to(reader.root).as_posix())
        self.secrets: frozenset[str] = frozenset()

    def replace(self, document: bytes) -> Iterator[bytes]:
        """The document itself, or what comes in its place if there is a HelmRelease in it."""
        objects = read_objects(document) if KIND.encode() in document else ()
        if not any(is_release(obj) for obj in objects):
            yield document
            return
        for obj in objects:
            if not is_release(obj):
                yield write_object(obj.reveal())
                continue
            release = read_release(obj)
            for made in self._render(release):
                yield write_object(made)

    def _render(self, release: HelmRelease) -> list[dict[str, Any]]:
        chart = self._find_chart(release)
        values = merged_values(release, self._objects, self._defaults(release, chart))
        self.secrets |= texts_of_secrets(release, self._objects)
        try:
            output = template(release, chart, values, self._charts, self._program, self._kube_version)
            made = _read_made(output)
            _refuse_hooks(made, self._hidden)
        except SopskitError as error:
            error.message = f"{escape(str(release))}: {error.message}"
            raise
        return _with_namespace(made, release.target)

    def _find_chart(self, release: HelmRelease) -> Path:
        root = str(self._reader.root)
        for place in chart_places(release, self._places[0]):
            path = os.path.normpath(os.path.join(root, place))
            if not self._reader.is_inside(path):
                raise RefusedError(f"{escape(str(release))}: its chart leads out of the repository")
            if os.path.isfile(os.path.join(path, CHART_FILE)):
                return Path(self._reader.locate(path))
        raise RefusedError(
            f"{escape(str(release))}: there is no chart {escape(release.chart)} in the repository",
            hint=f"keep it at the path that the release names, or in {escape(self._places[0])}",
        )

    def _defaults(self, release: HelmRelease, chart: Path) -> dict[str, Plain]:
        """What is below the values that the release names: its files of default values, then the repository's file."""
        values: dict[str, Plain] = {}
        above = self._reader.root if release.source == GIT else chart
        for name in release.defaults:
            path = os.path.normpath(os.path.join(above, name))
            if os.path.isabs(name) or not self._reader.is_inside(path):
                raise RefusedError(f"{escape(str(release))}: its valuesFiles lead out of the repository")
            if os.path.lexists(path) or not release.may_miss_defaults:
                values = merge(values, self._read_values(Path(path)))
        _, folder, environment = self._places
        path = os.path.join(self._reader.root, folder, release.service, environment + HELM_SUFFIX)
        if environment and "/" not in release.service and os.path.lexists(path):
            values = merge(values, self._read_values(Path(path)))
        return values

    def _read_values(self, path: Path) -> dict[str, Plain]:
        """The values in a file, encrypted or not."""
        source = self._reader.read(path)
        if source.opened is not None:
            self.secrets |= source.opened.secrets
        try:
            return read_values(source.plaintext)
        except BuildError:
            raise BuildError("the file of values is no YAML mapping").at(file=str(path)) from None


def folders_of_layout(folder: str) -> tuple[str, str, str]:
    """Where charts and files of values are, and the environment, by the path of a folder relative to the root.

    `k8s/gitops/dev/...` has `k8s/helm-charts` and `k8s/helm-values`; in other layouts both are beside the folder of
    environments. The environment is empty where the layout tells none.
    """
    layout = layout_of(f"{folder}/x")
    if layout is None:
        above = "/".join(FOLDERS[0][:-1])
        return f"{above}/{CHARTS}", f"{above}/{HELM_FOLDER}", ""
    marker = layout.marker.rstrip("/")
    above = layout.prefix + "".join(f"{part}/" for part in marker.split("/")[:-1])
    return f"{above}{CHARTS}", f"{above}{HELM_FOLDER}", layout.environment


def _refuse_hidden(objects: tuple[PlainObject, ...], secrets: frozenset[str]) -> None:
    """Refuse a release in a wholly encrypted file: helm takes its name as an argument, which every user can list."""
    if KIND in secrets and any(is_release(obj) and secrets.intersection(obj.identity[1:]) for obj in objects):
        raise RefusedError(
            "the name of a HelmRelease is encrypted, and it would be seen in the arguments of helm",
            hint="encrypt its values only: encrypted_regex: ^(data|stringData|values)$",
        )


def _read_made(output: bytes) -> list[dict[str, Any]]:
    try:
        return [obj.reveal() for obj in read_objects(output)]
    except BuildError:  # its message may name an object, and a chart can make names of values
        raise BuildError("a template of the chart gives something that is no object") from None


def _refuse_hooks(objects: list[dict[str, Any]], hidden: frozenset[str]) -> None:
    for content in objects:
        if at(content, "metadata", "annotations", HOOK) is not None:
            kind = str(content["kind"])
            raise RefusedError(
                f"the chart has a hook ({'an object' if kind in hidden else escape(kind)}), "
                "and nobody would run it at its time",
                hint="install: {disableHooks: true} in the release leaves hooks out",
            )


def _with_namespace(objects: list[dict[str, Any]], namespace: str) -> list[dict[str, Any]]:
    """The objects, in the namespace of the release where a template names none, as `helm install` puts them."""
    definitions = [content.get("spec") for content in objects if content["kind"] == "CustomResourceDefinition"]
    kinds = CLUSTER_KINDS | {at(spec, "names", "kind") for spec in definitions if at(spec, "scope") == "Cluster"}
    for content in objects:
        if content["kind"] not in kinds and not content["metadata"].get("namespace") and namespace:
            content["metadata"]["namespace"] = namespace
    return objects

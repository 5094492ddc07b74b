"""`helm template` of a chart in the repository: values through a pipe, nothing from the network, its words never quoted."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from sopskit.deploy.kustomize import NOWHERE
from sopskit.deploy.opening import METADATA_WORD, TOKEN_START, SourceOpener
from sopskit.deploy.process import run
from sopskit.deploy.releases import GIT, VALUES_KEY, read_values
from sopskit.deploy.shadow import ShadowTree
from sopskit.deploy.tree import walk
from sopskit.errors import BuildError, RefusedError
from sopskit.redact import escape
from sopskit.sops.masterkeys import FixedKeyring

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sopskit.deploy.objects import Plain
    from sopskit.deploy.opening import OpenedSource
    from sopskit.deploy.releases import HelmRelease
    from sopskit.deploy.tree import Source, SourceReader

CHART_FILE = "Chart.yaml"
EXACT = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
# where a template failed: a name that must be one of the chart's, and a line
PLACE = re.compile(rb"(?:^|[ (])([^()\s:\"]+/[^()\s:\"]+):([0-9]{1,6})")
# helm is to find no plugin, no repository, no registry login and no cluster; `{}` is a private folder
ENVIRONMENT = {
    "PATH": "",
    "HOME": "{}",
    "HELM_CACHE_HOME": "{}/helm-cache",
    "HELM_CONFIG_HOME": "{}/helm-config",
    "HELM_DATA_HOME": "{}/helm-data",
    "HELM_PLUGINS": "{}/helm-plugins",
    "DOCKER_CONFIG": "{}/docker",
    "KUBECONFIG": os.devnull,
    "HTTP_PROXY": NOWHERE,
    "HTTPS_PROXY": NOWHERE,
    "NO_PROXY": "",
}
# what helm says, and what it means; its own words may quote a value
CAUSES = (
    (b"missing in charts/ directory", "a dependency of the chart is not in its folder charts, and none is fetched"),
    (b"values don't meet the specifications of the schema", "the values do not fit the chart's values.schema.json"),
    (b"chart requires kubeVersion", "the chart does not support this version of Kubernetes"),
    (b"YAML parse error", "a template of the chart gives no valid YAML with these values"),
    (b"error converting YAML", "a template of the chart gives no valid YAML with these values"),
    (b"execution error at", "a template of the chart refuses these values"),
    (b"nil pointer evaluating", "a template of the chart needs a value that is not set"),
    (b"parse error", "a template of the chart cannot be parsed"),
    (b"release name check failed", "the name of the release is none that Helm takes"),
    (b"invalid kube version", "the version of Kubernetes is none"),
    (b"template:", "a template of the chart failed"),
    (b"executing ", "a template of the chart failed"),
    (b"Chart.yaml", "Chart.yaml is not valid"),
)


class ChartFiles(SourceOpener):
    """Reads the files of a chart. None of them may be encrypted: helm reads no pipes, so its plaintext would meet a disk."""

    __slots__ = ()

    def __init__(self, size_limit: int) -> None:
        """Without a key: there is nothing to be opened."""
        super().__init__(FixedKeyring(()), size_limit)

    def open(self, source: bytes, path: str) -> OpenedSource | None:
        """None, always. Raises `RefusedError` for what looks like a SOPS file."""
        if TOKEN_START in source and METADATA_WORD in source:
            raise RefusedError(
                "a chart with an encrypted file in it is not rendered",
                hint="put the values into a Secret that the release refers to, or beside the charts in helm-values",
            ).at(file=path)
        return None


def template(
    release: HelmRelease,
    chart: Path,
    values: Mapping[str, Plain],
    reader: SourceReader,
    program: str,
    kube_version: str = "",
) -> bytes:
    """What `helm template` makes of a chart with these values, which it is given on its standard input.

    `reader` is one with `ChartFiles`; helm works on a private copy of the chart. Without `kube_version` charts see the
    version of Kubernetes that helm was built for. Tests of the chart are left out, and so is its values.yaml if the
    release names others in its place: those are to be among `values`. Raises `BuildError`, `RefusedError`.
    """
    sources = tuple(reader.read(path) for path in walk(chart, reader))
    _check_version(release, chart, sources)
    if release.defaults:
        sources = tuple(source for source in sources if source.path != chart / VALUES_KEY)
    with ShadowTree(sources, reader.root) as shadow:
        home = shadow.folder.parent
        argv = [program, "template", f"--namespace={release.target or 'default'}", "--values=-", "--skip-tests"]
        argv += ["--include-crds"] if release.crds else []
        argv += [] if release.hooks else ["--no-hooks"]
        argv += [f"--kube-version={kube_version}"] if kube_version else []
        environ = {name: value.replace("{}", str(home)) for name, value in ENVIRONMENT.items()}
        argv += ["--", release.name, str(shadow.path(chart))]
        ended = run(argv, json.dumps(values).encode(), home, environ)
    if ended.status:
        raise BuildError(f"helm failed with exit status {ended.status}: {_explain(ended.complaint, chart, sources)}")
    return ended.output


def _check_version(release: HelmRelease, chart: Path, sources: tuple[Source, ...]) -> None:
    """A release that wants one exact version of a packaged chart gets no other. A chart in Git has none to choose from."""
    if release.source == GIT or not EXACT.fullmatch(release.version):
        return
    source = next(source for source in sources if source.path == chart / CHART_FILE)
    version = read_values(source.data).get("version")
    if str(version).removeprefix("v") != release.version.removeprefix("v"):
        raise RefusedError(f"the chart in the repository is not of the version {escape(release.version)}").at(
            file=str(source.path)
        )


def _explain(complaint: bytes, chart: Path, sources: tuple[Source, ...]) -> str:
    """Why helm failed: a cause in our words, and the template if it is one of the chart's."""
    cause = next((text for mark, text in CAUSES if mark in complaint), "its message may quote a value and is not shown")
    names = {source.path.relative_to(chart).as_posix() for source in sources}
    for name, line in PLACE.findall(complaint):
        template = name.decode("utf-8", "replace").partition("/")[2]
        if template in names:
            return f"{cause} ({escape(template)}:{int(line)})"
    return cause

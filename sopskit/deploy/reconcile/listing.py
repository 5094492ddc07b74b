"""Where sources are listed: objects of the API, or documents of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import yaml

from sopskit.deploy.reconcile.source import API_VERSION, KIND, PLURAL, BadSource, Source, read_source
from sopskit.errors import ClusterError, ConfigError, FileAccessError, RefusalError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sopskit.cluster import Connection


class Listed(NamedTuple):
    """A source as it was found, with the status that its object has."""

    source: Source | BadSource
    status: Mapping[str, Any]


class Listing(Protocol):
    """A place where sources are listed."""

    def read(self) -> Sequence[Listed]:
        """All of them. Raises `SopskitError` if they cannot be read: then none may be taken for gone."""
        ...


class ApiListing:
    """The objects `SopsSource` of some namespaces (none named: of all) that have a label."""

    def __init__(self, connection: Connection, namespaces: Sequence[str], selector: str) -> None:
        """`selector` is a label selector as kubectl takes it, empty for all."""
        self._connection = connection
        self._selector = selector
        inner = [f"/namespaces/{namespace}" for namespace in namespaces] or [""]
        self._paths = [f"/apis/{API_VERSION}{part}/{PLURAL}" for part in inner]

    def read(self) -> Sequence[Listed]:
        """All of them. Raises `ClusterError`."""
        try:
            found = [self._connection.each(path, self._selector, _listed) for path in self._paths]
        except RefusalError as error:
            if error.status == 400 and self._selector:
                raise ClusterError(
                    f"{escape(self._selector)} is no selector of labels", hint="write --shard KEY=VALUE"
                ) from None
            if error.status != 404:
                raise
            raise ClusterError(
                f"the cluster has no {KIND}",
                hint="sopskit reconcile --print-manifests | kubectl apply --server-side -f -",
            ) from None
        return [item for of_path in found for item in of_path]


class FileListing:
    """The documents of a YAML file, read each time: a new version is taken without a restart."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path

    def read(self) -> Sequence[Listed]:
        """All of them. Raises `FileAccessError`, `ConfigError`."""
        place = str(self._path)
        try:
            documents = list(yaml.load_all(self._path.read_bytes(), yaml.CSafeLoader))
        except OSError as error:
            raise FileAccessError((error.strerror or "cannot be read").lower()).at(file=place) from None
        except (yaml.YAMLError, ValueError):
            raise ConfigError("is not valid YAML").at(file=place) from None
        found = [document for document in documents if document is not None]
        for document in found:
            if (
                not isinstance(document, dict)
                or document.get("apiVersion") != API_VERSION
                or document.get("kind") != KIND
            ):
                raise ConfigError(f"has a document that is no {KIND} of {API_VERSION}").at(file=place)
        listed = [_listed(document) for document in found]
        if len({item.source.id for item in listed}) != len(listed):
            raise ConfigError("has two sources of the same name").at(file=place)
        return listed


def _listed(content: Mapping[str, Any]) -> Listed:
    status = content.get("status")
    return Listed(read_source(content), status if isinstance(status, dict) else {})

"""Where a cluster is and who we are there: kubeconfig files, merged as kubectl merges them.

What is embedded in one, a client's private key above all, is handed to TLS in an anonymous file in memory: the official
client would write it to the folder for temporary files. Credential plugins (`exec`) and token files are the person's
own and are used as kubectl does; a program that takes somebody else's kubeconfig refuses them first: see `programs`.
"""

from __future__ import annotations

import base64
import contextlib
import os
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import yaml

from sopskit.cluster.access import new_configuration
from sopskit.errors import ConfigError, FileAccessError
from sopskit.memory import SHARED_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OUR_KEYS = ("SOPS_AGE_KEY",)  # variables that hold a private key, not the way to one
SECTIONS = ("clusters", "contexts", "users")
EMBEDDED = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key"),
}
FILES = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key", "tokenFile")}
BEARERS = frozenset(("tokenFile", "token", "exec", "auth-provider"))
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


class Kubeconfig(NamedTuple):
    """One context of the merged files: its name, its cluster's URL, the namespace it stands in."""

    context: str
    server: str
    namespace: str
    content: dict[str, Any]

    def __repr__(self) -> str:
        """No credentials."""
        return f"<kubeconfig context {self.context}>"

    def programs(self) -> tuple[str, ...]:
        """What in the context's user runs programs or reads files: for those who must not trust it."""
        user = self._chosen("user")
        return tuple(field for field in ("exec", "auth-provider", "tokenFile") if field in user)

    @property
    def token_path(self) -> str:
        """The user's `tokenFile`, empty if there is none. It is taken rather than a `token`, as by kubectl."""
        path = self._chosen("user").get("tokenFile")
        return path if isinstance(path, str) else ""

    def exposed(self) -> str:
        """How others could read what is sent, empty if they cannot. A server on this machine may do without TLS."""
        cluster = self._chosen("cluster")
        if cluster.get("insecure-skip-tls-verify"):
            return "the server's certificate is not checked"
        url = urlsplit(self.server)
        return "" if url.scheme == "https" or url.hostname in LOOPBACK else "the connection is not encrypted"

    def configuration(self) -> Any:
        """The official client's configuration. Raises `ClusterError` without the client, `ConfigError`."""
        configuration = new_configuration()
        from kubernetes.config import ConfigException, load_kube_config_from_dict

        load: Any = load_kube_config_from_dict
        content = _in_memory(_without_tokens(_without_our_keys(self.content)))
        try:
            with _memory_folder() as folder:
                load(content, context=self.context, client_configuration=configuration, temp_file_path=folder)
                _lift(configuration, folder)
        except (ConfigException, OSError, ValueError, TypeError, KeyError, AttributeError):
            # the text of these quotes parts of the file
            raise ConfigError(f"the context {self.context} of the kubeconfig cannot be used") from None
        return configuration

    def _chosen(self, part: str) -> dict[str, Any]:
        """The context's `user` or `cluster`."""
        chosen = _named(self.content, "contexts", self.context).get("context") or {}
        found = _named(self.content, f"{part}s", chosen.get(part)).get(part)
        return found if isinstance(found, dict) else {}


def read_kubeconfig(paths: Sequence[str], context: str | None = None) -> Kubeconfig:
    """Merge kubeconfig files (the first that has a name wins) and choose a context, by default the current one.

    Files that are not there are left out. Raises `FileAccessError`, `ConfigError`.
    """
    merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "contexts": [], "users": []}
    found = [(path, _read(path)) for path in paths if path and os.path.exists(path)]
    if not found:
        error = FileAccessError("there is no kubeconfig", hint="name one with --kubeconfig or in KUBECONFIG")
        raise error.at(file=paths[0]) if len(paths) == 1 and paths[0] else error
    for path, content in found:
        merged.setdefault("current-context", content.get("current-context"))
        for section in SECTIONS:
            merged[section] += [_absolute(item, section, path) for item in _items(content, section)]
    name = context or merged.get("current-context")
    if not isinstance(name, str) or not name:
        raise ConfigError("the kubeconfig has no current context", hint="choose one with --context")
    chosen = _named(merged, "contexts", name).get("context")
    if not isinstance(chosen, dict):
        raise ConfigError(f"the kubeconfig has no context {name}")
    cluster = _named(merged, "clusters", chosen.get("cluster")).get("cluster")
    server = cluster.get("server") if isinstance(cluster, dict) else None
    if not isinstance(server, str):
        raise ConfigError(f"the context {name} of the kubeconfig names no cluster that is there")
    merged["current-context"] = name
    return Kubeconfig(name, server, str(chosen.get("namespace") or "default"), merged)


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            content = yaml.load(file, yaml.CSafeLoader)
    except OSError as error:
        raise FileAccessError(error.strerror or "cannot be read").at(file=path) from None
    except (yaml.YAMLError, ValueError):
        raise ConfigError("the kubeconfig is not valid YAML").at(file=path) from None
    if not isinstance(content, dict):
        raise ConfigError("the kubeconfig is no mapping").at(file=path)
    return content


def _items(content: dict[str, Any], section: str) -> Iterator[dict[str, Any]]:
    found = content.get(section)
    for item in found if isinstance(found, list) else ():
        if isinstance(item, dict):
            yield item


def _named(content: dict[str, Any], section: str, name: object) -> dict[str, Any]:
    return next((item for item in content[section] if item.get("name") == name), {})


def _absolute(item: dict[str, Any], section: str, path: str) -> dict[str, Any]:
    """An entry whose files are found from everywhere: a kubeconfig names them from its own folder."""
    folder = os.path.dirname(os.path.abspath(path))
    inner = item.get(section.removesuffix("s"))
    if not isinstance(inner, dict):
        return item
    files = {
        field: os.path.join(folder, inner[field])
        for field in FILES.get(section, ())
        if isinstance(inner.get(field), str)
    }
    return {**item, section.removesuffix("s"): {**inner, **files}}


def _without_tokens(content: dict[str, Any]) -> dict[str, Any]:
    """The same without the credentials of users that have a `tokenFile`, which is ours to read."""
    users = [
        {**item, "user": {field: value for field, value in user.items() if field not in BEARERS}}
        if isinstance(user := item.get("user"), dict) and isinstance(user.get("tokenFile"), str)
        else item
        for item in content["users"]
    ]
    return content | {"users": users}


def _in_memory(content: dict[str, Any]) -> dict[str, Any]:
    """The same with everything that is embedded as an anonymous file; it lasts as long as the process."""
    if not hasattr(os, "memfd_create"):
        return content
    return content | {section: [_item_in_memory(item, section) for item in content[section]] for section in EMBEDDED}


def _item_in_memory(item: dict[str, Any], section: str) -> dict[str, Any]:
    inner = dict(item.get(section.removesuffix("s")) or {})
    for field in EMBEDDED[section]:
        data = inner.pop(f"{field}-data", None)
        if data:
            inner[field] = _anonymous_file(base64.b64decode(data))
    return {**item, section.removesuffix("s"): inner}


def _without_our_keys(content: dict[str, Any]) -> dict[str, Any]:
    """The same with credential plugins that are not told the private key of the files in an environment that they inherit."""

    def shielded(item: dict[str, Any]) -> dict[str, Any]:
        user = item.get("user")
        plugin = user.get("exec") if isinstance(user, dict) else None
        if not isinstance(user, dict) or not isinstance(plugin, dict):
            return item
        env = [*(plugin.get("env") or ()), *({"name": name, "value": ""} for name in OUR_KEYS)]
        return {**item, "user": {**user, "exec": {**plugin, "env": env}}}

    return content | {"users": [shielded(item) for item in content["users"]]}


def _memory_folder() -> contextlib.AbstractContextManager[str | None]:
    """Where the client writes what a credential plugin gives, a client's private key: in memory if that is at hand.

    Without anonymous files (not on Linux) it is the client's own choice, and stays until the process ends.
    """
    if not hasattr(os, "memfd_create"):
        return contextlib.nullcontext()
    memory = SHARED_MEMORY if os.path.isdir(SHARED_MEMORY) and os.access(SHARED_MEMORY, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="sopskit-cluster-", dir=memory)


def _lift(configuration: Any, folder: str | None) -> None:
    """Take the client certificate and its key out of a folder that is about to be removed."""
    for field in ("cert_file", "key_file"):
        path = getattr(configuration, field, None)
        if folder is not None and isinstance(path, str) and path.startswith(folder + os.sep):
            with open(path, "rb") as file:
                setattr(configuration, field, _anonymous_file(file.read()))


def _anonymous_file(data: bytes) -> str:
    descriptor = os.memfd_create("sopskit", os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    return f"/proc/self/fd/{descriptor}"

"""Which environments a repository has, by its layout, and the patterns that mean their files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.sopskit_yaml import FOLDERS, HELM_FOLDER, HELM_SUFFIX, layout_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
MANIFESTS = (".yaml", ".yml", ".json")
MANIFEST_REGEX = r"\.(yaml|yml|json)$"
SECRETS_REGEX = "secrets?" + MANIFEST_REGEX
# in an environment's folder: `secrets.yaml`, `secret2.yaml`, `db-secret.enc.yaml`, and all in a folder of such a name
SECRETS_NAME = r"(.*[/._-])?secrets?\d*(/.*|[._-][^/]*)?"
HELM = f"{HELM_FOLDER}/"
# the folders of which a repository has one
AT_ONE_PLACE = ("k8s/gitops/", HELM)
# where a Secret would stand in a folder of manifests; a rule that means one of them means the folder
USUAL_NAMES = ("secrets.yaml", "secret.yaml", "service/secrets.yaml", "service/secret.yaml")
PROTECTED = ("prod", "production", "prd", "live")


class Folder(NamedTuple):
    """One folder of an environment; `parent` has all environments.

    `examples` are paths of files in it, whether there or not.
    """

    parent: str
    name: str
    examples: tuple[str, ...]


class Place(NamedTuple):
    """A kind of folder in which an environment has files: `path_regex` is for `.sops.yaml`, `pattern` for `.sopskit.yaml`.

    `secrets_regex` means of its manifests only those that are called secrets.
    """

    environment: str
    helm: bool
    path_regex: str
    secrets_regex: str
    pattern: str
    folders: tuple[Folder, ...]


class Layout(NamedTuple):
    """The places of a repository in the order of their rules, and environments whose names need care."""

    places: tuple[Place, ...]
    left_out: tuple[str, ...]

    @property
    def environments(self) -> tuple[str, ...]:
        """Their names, the protected ones first."""
        return tuple(dict.fromkeys(sorted((place.environment for place in self.places), key=_order)))

    @property
    def tops(self) -> tuple[str, ...]:
        """The folders that have all of it, for a command on folders: what all places share, else the top of each."""
        parents = [folder.parent for place in self.places for folder in place.folders]
        shared = os.path.commonpath(parents) if parents else ""
        return (shared,) if shared else tuple(sorted({parent.partition("/")[0] for parent in parents}))


def is_protected(environment: str) -> bool:
    """Whether a name is that of a production environment: `prod`, `eu-prod`, `production-2`."""
    return any(word in PROTECTED for word in environment.lower().replace("_", "-").replace(".", "-").split("-"))


def read_layout(root: str, paths: Iterable[str]) -> Layout:
    """The layout of a work tree with these files. Folders without a file count where they stand at the root."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    left_out: dict[str, None] = {}
    for path in (*paths, *_in_empty_folders(root)):
        layout = layout_of(path)
        if layout is None:
            continue
        if not _is_plain(layout.environment):
            left_out[layout.environment] = None
            continue
        prefixes = found.setdefault((layout.marker, layout.environment), {})
        prefixes.setdefault(layout.prefix, []).append(path)
    places = [_place(marker, environment, prefixes) for (marker, environment), prefixes in found.items()]
    # a pattern for any depth stands last: in k8s/gitops/dev/overlays/prod the outer folder counts
    places.sort(key=lambda place: (place.path_regex[0] != "^", _order(place.environment), place.helm, place.pattern))
    return Layout(tuple(places), tuple(left_out))


def _order(environment: str) -> tuple[bool, str]:
    return not is_protected(environment), environment


def _is_plain(name: str) -> bool:
    """Whether a name means itself in a regular expression, a path pattern and YAML, but for its dots."""
    return LETTERS.issuperset(name) and name[0].isalnum()


def _in_empty_folders(root: str) -> Iterator[str]:
    """A file that may come to stand in each folder of an environment that is there at the root."""
    for folder in ("/".join(parts) for parts in FOLDERS):
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError:
            continue
        yield from (f"{folder}/{name}/{USUAL_NAMES[0]}" for name in names)


def _place(marker: str, environment: str, prefixes: dict[str, list[str]]) -> Place:
    """One place for all folders of this kind.

    Services have overlays each, and get new ones, so those are meant at any depth; so are folders in several places.
    """
    prefix = next(iter(prefixes))
    fixed = len(prefixes) == 1 and marker in AT_ONE_PLACE and (not prefix or _is_plain_path(prefix))
    start = "^" + prefix.replace(".", r"\.") if fixed else "(^|/)"
    anywhere = prefix if fixed else "**/"
    name = environment.replace(".", r"\.")
    if marker == HELM:
        regex = secrets = rf"{start}{marker}[^/]+/{name}-config\.yaml$"
        glob = f"{anywhere}{marker}*/{environment}{HELM_SUFFIX}"
    else:
        regex, secrets = (f"{start}{marker}{name}/{file}{MANIFEST_REGEX}" for file in (".*", SECRETS_NAME))
        glob = f"{anywhere}{marker}{environment}/**"
    folders = tuple(_folder(f"{prefix}{marker}", environment, paths) for prefix, paths in prefixes.items())
    return Place(environment, marker == HELM, regex, secrets, glob, folders)


def _folder(parent: str, environment: str, paths: Iterable[str]) -> Folder:
    if parent.endswith(HELM):
        examples = (f"{parent}service/{environment}{HELM_SUFFIX}", *paths)
        return Folder(parent.rstrip("/"), f"{parent}*/{environment}{HELM_SUFFIX}", examples)
    name = f"{parent}{environment}"
    real = (path for path in paths if path.endswith(MANIFESTS))
    return Folder(parent.rstrip("/"), name, (*(f"{name}/{file}" for file in USUAL_NAMES), *real))


def _is_plain_path(prefix: str) -> bool:
    return all(_is_plain(part) for part in prefix.rstrip("/").split("/"))

"""Files that a kustomization makes a Secret of: `files` and `envs` of its `secretGenerator`."""

from __future__ import annotations

import re
from posixpath import join, normpath
from typing import TYPE_CHECKING, NamedTuple

from sopskit.review.findings.plaintext import KUSTOMIZATIONS, PLACEHOLDER
from sopskit.review.sides import looks_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.document import Leaf
    from sopskit.review.sides import Side
    from sopskit.review.trees import Tree

GENERATOR = b"secretGenerator"
# what many Secrets hold beside a private key and may be read by everybody
PUBLIC_PEM = re.compile(
    rb"-----BEGIN (?P<label>(?:TRUSTED |X509 )?CERTIFICATE|(?:[A-Z0-9]+ )?PUBLIC KEY|X509 CRL)-----[^-]*-----END (?P=label)-----"
)
PUBLIC_LINE = re.compile(rb"(?:#.*|age1[a-z0-9]+|(?:\S+ )?(?:sk-)?(?:ssh|ecdsa)-\S+ [A-Za-z0-9+/=]+(?: .*)?)?")


class Named(NamedTuple):
    """A file that a kustomization names, and where it does."""

    path: str
    leaf: Leaf


def named_files(path: str, side: Side | None) -> Iterator[Named]:
    """The files that the kustomization at `path` makes Secrets of, by their paths in the repository."""
    folder = path.rpartition("/")[0]
    for leaf in side.document.leaves() if side is not None and side.document is not None else ():
        where = leaf.path
        if len(where) < 3 or where[0] != "secretGenerator" or not leaf.value:
            continue
        if where[2] == "files" and len(where) == 4:
            yield Named(normpath(join(folder, leaf.value.rpartition("=")[2])), leaf)
        elif (where[2] == "envs" and len(where) == 4) or where[2:] == ("env",):
            yield Named(normpath(join(folder, leaf.value)), leaf)


def kustomization_of(tree: Tree, path: str) -> str | None:
    """The kustomization that makes a Secret of a file. Kustomize takes only files in its folder and below."""
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        for name in sorted(KUSTOMIZATIONS):
            candidate = join(folder, name)
            if candidate not in tree or GENERATOR not in (tree.data(candidate) or b""):
                continue
            if any(named.path == path for named in named_files(candidate, tree.side(candidate))):
                return candidate
    return None


def is_plain(data: bytes | None, side: Side | None) -> bool:
    """Whether a file holds something that a Secret should not have in clear: no SOPS file, certificate, or placeholder."""
    if not data or (side is not None and side.metadata is not None) or looks_encrypted(data):
        return False
    if side is not None and side.document is not None:
        return any(leaf.value and not PLACEHOLDER.fullmatch(leaf.value) for leaf in side.document.leaves())
    rest = PUBLIC_PEM.sub(b"", data)
    if PLACEHOLDER.fullmatch(rest.decode("utf-8", "replace")):
        return False
    return not all(PUBLIC_LINE.fullmatch(line.strip()) for line in rest.split(b"\n"))

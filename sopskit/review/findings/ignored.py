"""ENC09: `.gitignore` files that keep the wrong files out of commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.findings.copies import twins
from sopskit.review.findings.policy import ChangePolicy, Hit
from sopskit.review.findings.repository import secret_paths
from sopskit.review.gitpatterns import ignored_by, read_ignore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sopskit.review.findings.subject import ChangeSet
    from sopskit.review.gitpatterns import Pattern
    from sopskit.review.trees import Tree

    Ignores = Mapping[str, Sequence[Pattern]]

NAME = ".gitignore"
MOST_PATHS = 500  # files with secrets for whose copies the old patterns are tried
COPIES = ("{path}.dec", "{path}.decrypted", "{path}.plain", "{path}.edited", "{stem}.dec{suffix}", "{folder}keys.txt")


def enc09(change: ChangeSet) -> Iterator[Hit]:
    """An encrypted file is ignored, or its plain text is no longer."""
    is_changed = any(subject.path.rpartition("/")[2] == NAME for subject in change.subjects)
    fresh = {subject.path for subject in change.encrypted() if subject.sides.base is None}
    if not is_changed and not fresh:
        return
    head = _patterns(change.trees.head)
    base = _patterns(change.trees.base)
    secret = secret_paths(change) if is_changed else sorted(fresh)
    for path in secret:
        pattern = ignored_by(path, _above(path, head))
        if pattern is None or (path not in fresh and ignored_by(path, _above(path, base))):
            continue
        side = change.trees.head.side(path)
        if side is not None and side.metadata is not None:
            yield from _ignored(change, path, pattern)
    if is_changed:
        yield from _no_longer_ignored(secret, base, head)


def _ignored(change: ChangeSet, path: str, pattern: Pattern) -> Iterator[Hit]:
    copies = twins(change, path)
    message = "{path} is encrypted and ignored by git, {what}"
    what = f"while its plain text {copies[0]} is not" if copies else "so the next version of it is easily forgotten"
    yield Hit(
        message,
        {"path": path, "what": what},
        None if copies else "medium",
        path=f"{pattern.folder}{NAME}",
        line=pattern.line,
    )


def _no_longer_ignored(secret: Sequence[str], base: Ignores, head: Ignores) -> Iterator[Hit]:
    """One hit for each old pattern that kept opened copies of files with secrets out of commits."""
    lost: dict[tuple[str, int], str] = {}
    for path in secret[:MOST_PATHS]:
        folder, slash, name = path.rpartition("/")
        stem, dot, suffix = path.rpartition(".") if "." in name[1:] else (path, "", "")
        for form in COPIES:
            copy = form.format(path=path, stem=stem, suffix=dot + suffix, folder=folder + slash)
            old = ignored_by(copy, _above(copy, base))
            if old is not None and ignored_by(copy, _above(copy, head)) is None:
                lost.setdefault((f"{old.folder}{NAME}", old.line), copy)
    for (file, line), copy in lost.items():
        message = "a pattern that kept opened files out of commits is gone: {path}, for one, is no longer ignored"
        yield Hit(message, {"path": copy}, "medium", path=file, side="base", line=line)


def _patterns(tree: Tree) -> Ignores:
    """The patterns of each `.gitignore`, by its folder with a final slash."""
    found: dict[str, Sequence[Pattern]] = {}
    for path in tree.entries:
        folder, _, name = path.rpartition("/")
        data = tree.data(path) if name == NAME else None
        if data is not None:
            found[f"{folder}/" if folder else ""] = read_ignore(folder, data)
    return found


def _above(path: str, patterns: Ignores) -> list[Pattern]:
    """The patterns that hold for a path, the root's first."""
    found = list(patterns.get("", ()))
    position = path.find("/")
    while position >= 0:
        found += patterns.get(path[: position + 1], ())
        position = path.find("/", position + 1)
    return found


POLICIES = (
    ChangePolicy(
        "ENC09",
        "high",
        "git ignores the wrong files",
        why="When the encrypted file is ignored and the plain one is not, the next `git add` takes the secrets in and leaves "
        "the encrypted version out. Patterns are easily turned round.",
        remedy="let .gitignore name the plain files, and not the encrypted ones",
        find=enc09,
    ),
)

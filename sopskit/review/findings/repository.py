"""GIT04 and GIT05: what Git knows of a file besides its content, and content that stays the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.git.changes import SUBMODULE, SYMLINK
from sopskit.review.findings.plaintext import is_steering, naming_rules
from sopskit.review.findings.policy import ChangePolicy, FilePolicy, Hit
from sopskit.review.gitpatterns import attributes_of, read_attributes
from sopskit.review.sides import looks_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.gitpatterns import AttributeLine
    from sopskit.review.model import Severity
    from sopskit.review.trees import Tree

LFS = b"version https://git-lfs.github.com/spec/"
EXECUTABLE = 0o100
ATTRIBUTES = ".gitattributes"
WATCHED = ("filter", "diff", "merge", "eol", "ident", "working-tree-encoding", "linguist-generated")


def git04(change: ChangeSet) -> Iterator[Hit]:
    """A file with secrets is no ordinary file any more, or Git was told to treat it in another way."""
    for subject in change.subjects:
        hit = _kind_of_file(subject)
        if hit is not None:
            yield hit._replace(path=subject.path)
    changed = any(_is_attributes(subject.path) or _is_attributes(subject.old_path or "") for subject in change.subjects)
    if changed and change.trees.base.entries:  # without another side nothing says what is new
        yield from _attributes(change)


def _kind_of_file(subject: Subject) -> Hit | None:
    if not _is_secret(subject):
        return None
    old, new = subject.modes
    if new == SYMLINK:
        return Hit("a symbolic link stands where a file with secrets is expected: it may point out of the repository")
    if new == SUBMODULE:
        return Hit("a submodule stands where a file with secrets is expected: its content is not reviewed here")
    if subject.status == "type-changed":
        return Hit("a symbolic link or submodule became an ordinary file")
    if (subject.data.head or b"").startswith(LFS):
        return Hit("a pointer to Git LFS stands in the place of the file: its content is not in the repository")
    if old is not None and new is not None and new & EXECUTABLE and not old & EXECUTABLE:
        return Hit("the file became executable", severity="medium", remedy="git update-index --chmod=-x FILE")
    return None


def _is_secret(subject: Subject) -> bool:
    """Whether it is encrypted on a side, if only by the looks of it, or a rule that names paths fits it."""
    if any(data is not None and looks_encrypted(data) for data in subject.data):
        return True
    return not is_steering(subject.path) and any(naming_rules(subject.change, subject.path))


def _is_attributes(path: str) -> bool:
    return path.rpartition("/")[2] == ATTRIBUTES


# --- attributes


def _attributes(change: ChangeSet) -> Iterator[Hit]:
    """Attributes that a change of `.gitattributes` gives to files with secrets: one hit for each line and attribute."""
    base, head = _lines(change.trees.base), _lines(change.trees.head)
    found: dict[tuple[str, int, str, str], list[str]] = {}
    for path in secret_paths(change):
        old, new = attributes_of(path, _above(path, base)), attributes_of(path, _above(path, head))
        for name in WATCHED:
            before, after = old.get(name), new.get(name)
            if (before and before[0]) == (after and after[0]):
                continue
            state, pattern = after or ("!", None)
            file = f"{pattern.folder if pattern else before[1].folder if before else ''}{ATTRIBUTES}"
            found.setdefault((file, pattern.line if pattern else 0, name, state), []).append(path)
    for (file, line, name, state), paths in found.items():
        yield Hit(
            "git is told {attribute} for {count} files with secrets, {example} for one",
            {"attribute": _spelled(name, state), "count": len(paths), "example": paths[0]},
            _severity(name, state),
            "make sure that this is meant: sopskit itself reads what is committed, other tools and reviewers may not",
            file,
            side="head" if file in change.trees.head else "base",
            line=line or None,
        )


def _spelled(name: str, state: str) -> str:
    return f"{name}{state}" if state.startswith("=") else f"{state}{name}" if state in "-!" else name


def _severity(name: str, state: str) -> Severity | None:
    """Named drivers do nothing before somebody configures them; the rest hides changes, or changes content at once."""
    if name in {"diff", "merge"}:
        return None if (name, state) in {("diff", "-"), ("merge", "=union")} else "medium"
    if name in {"eol", "ident"} or state == "!":
        return "medium"
    return None


def secret_paths(change: ChangeSet) -> list[str]:
    """The paths of head that a rule of base or head names, and the changed files that are encrypted."""
    encrypted = {subject.path for subject in change.encrypted()}
    return [
        path
        for path in change.trees.head.entries
        if path in encrypted or (not is_steering(path) and any(naming_rules(change, path)))
    ]


def _lines(tree: Tree) -> dict[str, list[AttributeLine]]:
    """The lines of each `.gitattributes`, by its folder with a final slash."""
    found: dict[str, list[AttributeLine]] = {}
    for path in tree.entries:
        data = tree.data(path) if _is_attributes(path) else None
        if data is not None:
            folder = path.rpartition("/")[0]
            found[f"{folder}/" if folder else ""] = read_attributes(folder, data)
    return found


def _above(path: str, lines: Mapping[str, Sequence[AttributeLine]]) -> list[AttributeLine]:
    """The lines that hold for a path, the root's first."""
    found = list(lines.get("", ()))
    position = path.find("/")
    while position >= 0:
        found += lines.get(path[: position + 1], ())
        position = path.find("/", position + 1)
    return found


def git05(subject: Subject) -> Iterator[Hit]:
    """Only the layout of an encrypted file changed."""
    if any(operation.id == "format-only" for operation in subject.operations):
        yield Hit("the same values in another layout: a formatter, most likely")


POLICIES = (
    ChangePolicy(
        "GIT04",
        "high",
        "another kind of file, or another mode",
        why="A symbolic link can point at a file outside of the repository, a submodule and a Git LFS pointer at content that "
        "nobody reviewed, and attributes make Git run filters, change content or hide a change from the diff. None of it "
        "shows in the text of the file.",
        remedy="make sure that this is meant, and undo it otherwise",
        find=git04,
        check=True,
    ),
    FilePolicy(
        "GIT05",
        "low",
        "only the layout of an encrypted file changed",
        why="No value changed, so there is nothing to review. A formatter that touches encrypted files changes values sooner or "
        "later, and then decrypting fails.",
        remedy="take encrypted files out of the formatter's reach",
        find=git05,
    ),
)

"""SUP: changes of what watches over changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sopskit.review.findings.policy import FilePolicy, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.subject import Subject

# what a file decides, by its name or by its path
NAMES = {
    ".sopskit.yaml": "which findings count and who is behind a recipient",
    ".sopskit-names.yaml": "who is behind a recipient",
    ".sops.yaml": "who can read new files and what is encrypted in them",
    ".pre-commit-config.yaml": "what is checked before a commit",
    ".pre-commit-hooks.yaml": "what is checked before a commit",
    "lefthook.yml": "what is checked before a commit",
    "lefthook.yaml": "what is checked before a commit",
    ".gitattributes": "how git treats and shows files",
    ".gitmodules": "where submodules come from",
}
OWNERS = frozenset(("CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS"))
PIPELINES = (".github/workflows/", ".github/actions/", ".gitlab/ci/", ".gitea/workflows/", ".forgejo/workflows/")
PIPELINE_FILES = frozenset((".gitlab-ci.yml", ".gitlab-ci.yaml", "azure-pipelines.yml", "Jenkinsfile"))
HOOKS = (".githooks/", ".husky/")
HOOK_NAMES = frozenset(
    ("pre-commit", "pre-push", "commit-msg", "prepare-commit-msg", "pre-receive", "update", "post-merge")
)
NAMES_FILE = re.compile(rb"""^names_file:[ \t]*["']?([^"'\s#]+)""", re.MULTILINE)


def sup01(subject: Subject) -> Iterator[Hit]:
    """The file decides how changes are checked, or who has to approve them."""
    for path, side in ((subject.path, "head"), (subject.old_path, "base")):
        what = _decides(path, subject) if path else None
        if what is not None:
            yield Hit(
                "this file decides {what}; this review still went by the version before",
                {"what": what},
                side="base" if side == "base" or subject.status == "deleted" else "head",
            )
            return


def _decides(path: str, subject: Subject) -> str | None:
    name = path.rpartition("/")[2]
    if path in OWNERS:
        return "who has to approve changes"
    if path.startswith(PIPELINES) or path in PIPELINE_FILES:
        return "what is checked and run for a change"
    if path.startswith(HOOKS) or (path.startswith("hooks/") and name in HOOK_NAMES):
        return "what is checked before a commit"
    if name in NAMES and (not name.startswith(".sopskit") or "/" not in path):
        return NAMES[name]
    return NAMES[".sopskit-names.yaml"] if path in _names_files(subject) else None


def _names_files(subject: Subject) -> list[str]:
    """The names file that base's `.sopskit.yaml` refers to."""
    data = subject.change.trees.base.data(".sopskit.yaml")
    return [found.decode("utf-8", "replace") for found in NAMES_FILE.findall(data)] if data else []


POLICIES = (
    FilePolicy(
        "SUP01",
        "medium",
        "review rules, hooks or CI changed",
        why="Policies, waivers, owners, hooks and pipelines decide whether a mistake is noticed. A change of them takes effect "
        "with the merge, so it deserves a reader of its own, apart from the rest of the pull request.",
        remedy="let an owner of the repository look at this file before the rest",
        find=sup01,
    ),
)

"""Where things are on the page: numbers of files and environments, names of paths, and what the filters look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.redact import escape_path, harmless
from sopskit.review.render import grouping
from sopskit.review.render.html.markup import LONGEST, Markup, code, join, tag
from sopskit.review.render.words import SHORT_ID, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.document import Path
    from sopskit.review.model import ReviewDiff, Severity
    from sopskit.review.render.grouping import Entry

LONGEST_CHIP = 40


class Places(NamedTuple):
    """The number of each environment and of each file on the page, and the environment of each file, by path.

    `anchors`: the id of the element that tells of a finding, by its fingerprint.
    """

    environments: Mapping[str, int]
    files: Mapping[str, int]
    environment_of: Mapping[str, str | None]
    anchors: Mapping[str, str]

    @classmethod
    def of(cls, review: ReviewDiff) -> Places:
        """Number them in the order of the review."""
        names = [one.name for one in review.environments]
        names += [file.environment for file in review.files if file.environment is not None]
        return cls(
            {name: number for number, name in enumerate(dict.fromkeys(names))},
            {file.path: number for number, file in enumerate(review.files)} if review.base is not None else {},
            {file.path: file.environment for file in review.files},
            _anchors(review),
        )

    def environment(self, name: str | None) -> str | None:
        """What the filter for environments compares: a number, for names may be anything."""
        return None if name is None else str(self.environments[name])


def anchor(entry: Entry) -> str:
    """The id of the element that tells of it, for links there."""
    return f"finding-{entry.first.fingerprint}"


def _anchors(review: ReviewDiff) -> dict[str, str]:
    """Where each finding is told, those as well that are named with another only."""
    anchors: dict[str, str] = {}
    stronger: dict[tuple[str, str], str] = {}
    for entry in grouping.entries(review):
        for finding in entry.findings:
            anchors.setdefault(finding.fingerprint, anchor(entry))
            stronger.update({(id, finding.path): anchor(entry) for id in entry.also})
    for finding in review.findings:
        if finding.fingerprint not in anchors:
            anchors[finding.fingerprint] = stronger[finding.id, finding.path]
    return anchors


def path_name(path: str) -> Markup:
    """A file's path, the folder in a quieter colour than the name."""
    folder, slash, name = harmless(shorten(path, LONGEST)).rpartition("/")
    return tag("code", tag("span", folder + slash, class_="folder") if slash else None, name, class_="path")


def key_name(key: Path) -> Markup:
    """A key path as people write it."""
    return code(escape_path(key)) if key else tag("em", "the top level")


def badge(severity: Severity) -> Markup:
    """The coloured word for a severity."""
    return tag("span", severity, class_=f"badge {severity}")


def chip(text: str, kind: str = "") -> Markup:
    """A small label."""
    return tag("span", harmless(shorten(text, LONGEST_CHIP)), class_=f"chip {kind}".rstrip())


def hidden_words(text: str) -> Markup:
    """Words for those who hear the page."""
    return tag("span", text, class_="heard")


def commit_name(commit: str | None) -> Markup:
    """The first digits of a commit's id."""
    return join(None) if commit is None else code(commit[:SHORT_ID], class_="commit")

"""Values for Helm that stay readable, and that are called as secrets are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit import manifest
from sopskit.config.sopskit_yaml import HELM_FOLDER
from sopskit.document import DEFAULT_LIMITS, Leaf, format_for_path, parse
from sopskit.errors import SopskitError
from sopskit.redact import escape_path
from sopskit.redact.names import is_secret_name
from sopskit.review.findings.plaintext import PLACEHOLDER
from sopskit.review.leafcount import has_too_many
from sopskit.workflow import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sopskit.config.sops_yaml import CreationRule
    from sopskit.document import Document
    from sopskit.workflow.sopsconfigs import SopsConfigs

SUFFIXES = (".yaml", ".yml")
NAMED_AFTER = "existing"  # charts: `existingSecret` is the name of one
MOST_KEYS = 3  # named of one file


class PlainValues(NamedTuple):
    """A plain file of values, the keys that no rule would encrypt, and the rule that leaves them out, if there is one."""

    path: str
    keys: tuple[str, ...]
    rule: CreationRule | None

    def __str__(self) -> str:
        """What to tell the user."""
        more = f" and {len(self.keys) - MOST_KEYS} more" if len(self.keys) > MOST_KEYS else ""
        keys = ", ".join(self.keys[:MOST_KEYS]) + more
        if self.rule is None:
            return f"no rule would encrypt {keys} in {self.path}"
        selection = self.rule.selection
        return f"the rule for {self.path} ({selection.field} {selection.pattern}) leaves {keys} plain: change either"


def find_plain_values(root: str, paths: Iterable[str], configs: SopsConfigs) -> Iterator[PlainValues]:
    """Look at the values files below `root`. Raises what a `.sops.yaml` that cannot be used raises."""
    for path in paths:
        place = os.path.join(root, path)
        if not _is_values(path) or not os.path.isfile(place) or os.path.islink(place):
            continue
        document = _read(place)
        if document is None:
            continue
        found = configs.rule_for(path)
        rule = found[1] if found is not None else None
        keys = tuple(_left_plain(document, rule))
        if keys:
            yield PlainValues(path, keys, rule)


def _is_values(path: str) -> bool:
    """Whether Helm gets a file as values: by its folder, or as charts call it (`values.yaml`, `values-prod.yaml`)."""
    *folders, name = path.lower().split("/")
    stem, suffix = os.path.splitext(name)
    if suffix not in SUFFIXES:
        return False
    words = stem.replace("_", ".").replace("-", ".").split(".")
    return HELM_FOLDER in folders or "values" in (words[0], words[-1])


def _read(place: str) -> Document | None:
    """A plain file without Kubernetes objects. What cannot be read is none: a chart's templates are no YAML."""
    format = format_for_path(place)
    try:
        data = files.read(place, limit=DEFAULT_LIMITS.size).data or b""
        if has_too_many(data, format.NAME):
            return None
        document = parse(data, format)
    except SopskitError:
        return None
    return None if document.block is not None or manifest.objects(document) else document


def _left_plain(document: Document, rule: CreationRule | None) -> Iterator[str]:
    encrypts = rule.selection.walk().encrypts if rule is not None else None
    for item in document.items:
        selected = encrypts is not None and encrypts(item)
        if isinstance(item, Leaf) and not selected and _is_secret(item):
            yield escape_path(item.path)


def _is_secret(leaf: Leaf) -> bool:
    """Whether a value is called a secret, and is one as far as its form goes: no switch, no reference."""
    name = leaf.keys[-1] if leaf.keys else ""
    if leaf.kind not in ("str", "int") or not leaf.value or PLACEHOLDER.fullmatch(leaf.value):
        return False
    return is_secret_name(name) and not name.lower().startswith(NAMED_AFTER)

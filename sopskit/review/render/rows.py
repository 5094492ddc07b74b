"""What changed in a file, as rows of a table: recipients, rules and thresholds, then leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.review.render import condensed
from sopskit.review.render.words import WORDS, apart, count, key_path, object_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.model import Change, Fact, FileReview, ObjectChange, RecipientChange, Sides, Value
    from sopskit.review.render.condensed import Told
    from sopskit.review.render.words import Voice

MOST_KEYS = 50  # of one object
SIGNS = {"added": "+", "removed": "-"}
TYPES = {
    "str": "string",
    "int": "number",
    "uint64": "number",
    "float": "number",
    "bool": "boolean",
    "time": "date",
    "bytes": "binary",
    "null": "null",
    "comment": "comment",
}
KINDS = {
    "password": "password",
    "certificate": "certificate",
    "private-key": "private key",
    "ssh-key": "SSH key",
    "jwt": "JWT",
    "url": "URL",
    "dockerconfigjson": "registry logins",
    "json": "JSON",
    "yaml": "YAML",
    "empty": "empty",
}


class Row(NamedTuple):
    """One thing that changed, spelled for its renderer. `sign` is `+`, `-` or `~`; `kind` may be empty."""

    sign: str
    what: str
    change: str
    kind: str


def rows(file: FileReview, voice: Voice) -> Iterator[Row]:
    """All rows of a file: who can read it first, values last."""
    for one in file.recipient_changes:
        yield _recipient(one, voice)
    if file.threshold.base != file.threshold.head:
        old, new = (voice.own("none" if number is None else str(number)) for number in file.threshold)
        yield Row("~", voice.own("threshold of key groups"), voice.own("changed"), old + voice.arrow + new)
    for name in _changed_rules(file):
        yield _rule(name, file, voice)
    for changed in condensed.objects(file):
        yield _object(changed, file, voice)
    for told in condensed.changes(file):
        yield _change(told, voice)


def count_rows(file: FileReview) -> int:
    """How many rows a file has."""
    threshold = file.threshold.base != file.threshold.head
    leaves = len(condensed.objects(file)) + len(condensed.changes(file))
    return len(file.recipient_changes) + threshold + len(_changed_rules(file)) + leaves


def keys_of(changed: ObjectChange, voice: Voice) -> str:
    """`A, B added, C removed`: the entries of an object, those with the same change together."""
    by_change: dict[str, list[str]] = {}
    for key in changed.keys[:MOST_KEYS]:
        by_change.setdefault(WORDS.get(key.change, key.change), []).append(voice.foreign(key.key))
    said = ", ".join(f"{', '.join(keys)} {voice.own(change)}" for change, keys in by_change.items())
    more = len(changed.keys) - MOST_KEYS
    return said + (voice.own(f" and {more} more") if more > 0 else "")


def _object(changed: ObjectChange, file: FileReview, voice: Voice) -> Row:
    change = "removed" if file.encrypted.head is None else "added"
    keys = ", ".join(voice.foreign(key.key) for key in changed.keys[:MOST_KEYS])
    more = len(changed.keys) - MOST_KEYS
    kind = f"{voice.own(count(len(changed.keys), 'key') + ': ')}{keys}" + (
        voice.own(f" and {more} more") if more > 0 else ""
    )
    return Row(SIGNS[change], object_name(changed, voice), voice.own(change), kind if changed.keys else "")


def _recipient(one: RecipientChange, voice: Voice) -> Row:
    recipient = one.recipient
    kind, who = voice.foreign(recipient.type), voice.foreign(recipient.id)
    if recipient.name is not None:
        kind, who = f"{kind}, {who}", voice.foreign(recipient.name)
    return Row(SIGNS[one.change], f"{voice.own('recipient')} {who}", voice.own(one.change), kind)


def _changed_rules(file: FileReview) -> list[str]:
    """The names of the selection rules that differ; a file that is encrypted on one side only has none."""
    base, head = file.rules
    if file.encrypted != (True, True):
        return []
    return [name for name in dict.fromkeys((*base, *head)) if base.get(name) != head.get(name)]


def _rule(name: str, file: FileReview, voice: Voice) -> Row:
    old, new = (str(side[name]) if name in side else None for side in file.rules)
    change = "added" if old is None else "removed" if new is None else "changed"
    what = f"{voice.own('rule')} {voice.foreign(name)}"
    sides = [side for side in (old, new) if side is not None]
    return Row(SIGNS.get(change, "~"), what, voice.own(change), apart(sides, voice))


def _change(told: Told, voice: Voice) -> Row:
    change = told.change
    where = key_path(change.path, change.document, voice)
    if change.change == "comment":
        return Row("~", f"{voice.own('comments of')} {where}", voice.own("changed"), "")
    said = voice.own(WORDS.get(change.change, change.change))
    if not change.certain:
        said = voice.own("looks ") + said
    if change.origin is not None:
        said += f" {voice.own('from')} {key_path(change.origin, 0, voice)}"
    return Row(SIGNS.get(change.change, "~"), where, said, _kind(told, voice))


def _kind(told: Told, voice: Voice) -> str:
    """What kind of value it is, whether it is encrypted, and what else may be told."""
    change = told.change
    parts = ", ".join(map(voice.foreign, change.parts))
    if told.words or told.recipients:
        return voice.own(told.words) + parts
    sides = [_side(type, value, voice) for type, value in zip(change.type, change.value, strict=True)]
    kind = voice.arrow.join(dict.fromkeys(side for side in sides if side is not None))
    state = voice.arrow.join(map(voice.own, states(change)))
    said = [f"{kind}, {state}" if kind else state]
    said += [_fact(name, old, new, voice) for name, old, new in _facts(change.value)]
    if change.parts:
        said.append(f"{voice.own('changed:')} {parts}")
    texts = [value.text for value in change.value if value is not None and value.text is not None]
    if texts:
        said.append(apart(texts, voice))
    return "; ".join(said)


def states(change: Change) -> list[str]:
    """Whether the value is encrypted, or was and is."""
    words = {True: "encrypted", False: "plain"}
    return list(dict.fromkeys(words[side] for side in change.encrypted if side is not None)) or ["plain"]


def _side(type: str | None, value: Value | None, voice: Voice) -> str | None:
    if type is None:
        return None
    if value is not None and value.kind in KINDS:
        said = voice.own(KINDS[value.kind])
    else:
        said = voice.own(TYPES[type]) if type in TYPES else voice.foreign(type)
    return said if value is None or value.same_as is None else f"{said} {voice.own(f'(={value.same_as})')}"


def _facts(value: Sides[Value | None]) -> Iterator[tuple[str, Fact | None, Fact | None]]:
    """The facts that differ; all of them for what is new or gone."""
    base, head = ({} if side is None else side.facts for side in value)
    for name in dict.fromkeys((*base, *head)):
        if base.get(name) != head.get(name):
            yield name, base.get(name), head.get(name)


def _fact(name: str, old: Fact | None, new: Fact | None, voice: Voice) -> str:
    if isinstance(old, str) and isinstance(new, str):
        told = apart((old, new), voice)
    else:
        told = voice.arrow.join(_spelled(fact, voice) for fact in (old, new) if fact is not None)
    return f"{voice.own(name.replace('_', ' ') + ':')} {told}"


def _spelled(fact: Fact, voice: Voice) -> str:
    if isinstance(fact, bool):
        return voice.own("yes" if fact else "no")
    if isinstance(fact, int):
        return voice.own(str(fact))
    return voice.foreign(fact) if isinstance(fact, str) else ", ".join(map(voice.foreign, fact))

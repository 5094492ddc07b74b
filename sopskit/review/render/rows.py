"""What changed in a file, as rows of a table: recipients, rules and thresholds, then leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.review.render.words import WORDS, key_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.model import Change, Fact, FileReview, RecipientChange, Sides, Value
    from sopskit.review.render.words import Voice

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
    for change in file.changes:
        yield _change(change, voice)


def count_rows(file: FileReview) -> int:
    """How many rows a file has."""
    threshold = file.threshold.base != file.threshold.head
    return len(file.recipient_changes) + threshold + len(_changed_rules(file)) + len(file.changes)


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
    old, new = (voice.foreign(str(side[name])) if name in side else None for side in file.rules)
    change = "added" if old is None else "removed" if new is None else "changed"
    what = f"{voice.own('rule')} {voice.foreign(name)}"
    return Row(SIGNS.get(change, "~"), what, voice.own(change), voice.arrow.join(one for one in (old, new) if one))


def _change(change: Change, voice: Voice) -> Row:
    where = key_path(change.path, change.document, voice)
    if change.change == "comment":
        return Row("~", f"{voice.own('comments of')} {where}", voice.own("changed"), "")
    said = voice.own(WORDS.get(change.change, change.change))
    if not change.certain:
        said = voice.own("looks ") + said
    if change.origin is not None:
        said += f" {voice.own('from')} {key_path(change.origin, 0, voice)}"
    return Row(SIGNS.get(change.change, "~"), where, said, _kind(change, voice))


def _kind(change: Change, voice: Voice) -> str:
    """What kind of value it is, whether it is encrypted, and what else may be told."""
    sides = [_side(type, value, voice) for type, value in zip(change.type, change.value, strict=True)]
    kind = voice.arrow.join(dict.fromkeys(side for side in sides if side is not None))
    state = "encrypted" if change.encrypted.head or change.encrypted.base else "plain"
    said = [f"{kind}, {voice.own(state)}" if kind else voice.own(state)]
    said += [_fact(name, old, new, voice) for name, old, new in _facts(change.value)]
    if change.parts:
        said.append(f"{voice.own('changed:')} {', '.join(map(voice.foreign, change.parts))}")
    texts = [None if value is None or value.text is None else voice.foreign(value.text) for value in change.value]
    if any(texts):
        said.append(voice.arrow.join(text for text in texts if text is not None))
    return "; ".join(said)


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
    told = voice.arrow.join(_spelled(fact, voice) for fact in (old, new) if fact is not None)
    return f"{voice.own(name.replace('_', ' ') + ':')} {told}"


def _spelled(fact: Fact, voice: Voice) -> str:
    if isinstance(fact, bool):
        return voice.own("yes" if fact else "no")
    if isinstance(fact, int):
        return voice.own(str(fact))
    return voice.foreign(fact) if isinstance(fact, str) else ", ".join(map(voice.foreign, fact))

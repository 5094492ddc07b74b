"""One line of plain language for a file: what was done to it, how much changed, whether it was decrypted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sopskit.review.render.words import OPERATIONS, WORDS, count, object_name, say

if TYPE_CHECKING:
    from sopskit.review.model import FileReview, ObjectChange, Operation
    from sopskit.review.render.words import Voice

STATUSES = {
    "renamed": "renamed from {path}",
    "copied": "copied from {path}",
    "mode-changed": "file mode changed",
    "type-changed": "kind of file changed",
}
MACS = {
    "valid": "MAC valid",
    "invalid": "the MAC is wrong",
    "stale": "the MAC is too old, decrypting will fail",
    "missing": "there is no MAC",
}
COUNTED = ("changed", "added", "removed", "moved", "retyped", "reencrypted", "encrypted", "decrypted")
DOUBT = "looks like "
# operations whose sentence says all there is to say about values
SILENT = frozenset(("delete", "unchanged", "format-only"))


def file_line(file: FileReview, voice: Voice) -> str:
    """What happened to a file, in one line of plain language."""
    if is_plain_and_alone(file):
        return _alone(file, voice)
    said = _together([_operation(operation, file, voice) for operation in file.operations], voice)
    said = _moves(file, voice) + said or [voice.own(file.status)]
    counts = _value_counts(file) + _recipient_counts(file)
    if file.rules.base != file.rules.head and file.encrypted == (True, True):
        counts.append("encryption rules changed")
    line = ", ".join(said + [voice.own(one) for one in counts])
    tested = _decryption(file)
    return f"{line}; {voice.own(tested)}" if tested else line


def is_plain_and_alone(file: FileReview) -> bool:
    """Whether a plain file is new or gone: what is in it is told in the line of the file."""
    return file.encrypted in ((None, False), (False, None))


def _alone(file: FileReview, voice: Voice) -> str:
    """`new, plain: ConfigMap prod/api (3 keys)`."""
    said = voice.own("gone, was plain" if file.encrypted.head is None else "new, plain")
    if not file.objects:
        return said + voice.own(f", {count(len(file.changes), 'value')}") if file.changes else said
    return f"{said}{voice.own(': ')}{', '.join(_object(one, voice) for one in file.objects)}"


def _object(one: ObjectChange, voice: Voice) -> str:
    return object_name(one, voice) + (voice.own(f" ({count(len(one.keys), 'key')})") if one.keys else "")


def _moves(file: FileReview, voice: Voice) -> list[str]:
    """Where a file comes from: its old path, and its old environment if that is another."""
    if file.status not in STATUSES or (file.status == "mode-changed" and is_unchanged(file)):
        return []
    said = [say(STATUSES[file.status], {"path": file.old_path or file.path}, voice)]
    old, new = file.old_environment, file.environment
    if file.status in ("renamed", "copied") and old != new:
        template = "out of {old}" if new is None else "into {new}" if old is None else "from {old} to {new}"
        verb = "moved" if file.status == "renamed" else "copied"
        said.append(say(f"{verb} {template}", {"old": old or "", "new": new or ""}, voice))
    return said


def is_unchanged(file: FileReview) -> bool:
    """Whether not a byte of it changed."""
    return any(operation.id == "unchanged" for operation in file.operations)


def _operation(operation: Operation, file: FileReview, voice: Voice) -> str:
    if operation.id == "unchanged" and file.old_path is not None:
        return voice.own("nothing in it changed")  # that it was renamed is said with the old path
    template = OPERATIONS.get((operation.id, operation.confidence), operation.explanation)
    return say(template, operation.args, voice)


def _together(said: list[str], voice: Voice) -> list[str]:
    """`looks like updatekeys and an edit`: the words of doubt once."""
    doubt = voice.own(DOUBT)
    if len(said) == 2 and all(one.startswith(doubt) for one in said):
        return [f"{said[0]} {voice.own('and')} {said[1].removeprefix(doubt)}"]
    return said


def _value_counts(file: FileReview) -> list[str]:
    if any(operation.id in SILENT for operation in file.operations):
        return []
    kinds = Counter[str](change.change for change in file.changes)
    comments = kinds.pop("comment", 0)
    number = kinds.total()
    words = [f"{kinds[kind]} {WORDS.get(kind, kind)}" for kind in COUNTED if kinds[kind]]
    of = next((one.args["values"] for one in file.operations if "values" in one.args), None)
    values = f"{number} of {count(int(of), 'value')}" if of is not None else count(number, "value")
    said = []
    if len(words) == 1:
        said = [f"{values} {words[0].partition(' ')[2]}"]
    elif words:
        said = [f"{values} ({', '.join(words)})"]
    elif file.encrypted == (True, True) and not comments:
        doubted = any(operation.confidence == "ambiguous" for operation in file.operations)
        said = ["no value looks changed" if doubted else "no value changed"]
    return said + (["comments changed"] if comments else [])


def _recipient_counts(file: FileReview) -> list[str]:
    kinds = Counter(one.change for one in file.recipient_changes)
    return [f"{count(kinds[kind], 'recipient')} {kind}" for kind in ("added", "removed") if kinds[kind]]


def _decryption(file: FileReview) -> str:
    if not file.encrypted.head:
        return ""
    return MACS.get(file.mac.head or "", "decryption not tested")

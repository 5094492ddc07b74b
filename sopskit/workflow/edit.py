"""Edit: the texts that an editor is given, and the file that comes of what it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import parse
from sopskit.errors import MetadataError, RefusedError
from sopskit.sops.crypt import FORMAT_VERSION, seal_file
from sopskit.sops.datakey import generate, wrap_data_key
from sopskit.sops.metadata import Metadata
from sopskit.workflow.encrypt import read_plain
from sopskit.workflow.rotate import name_of

if TYPE_CHECKING:
    from datetime import datetime

    from sopskit.document import Document, Format
    from sopskit.pgp import Gpg
    from sopskit.secret import DataKey
    from sopskit.sops.crypt import Opened

WELCOME = "Welcome to SOPS! Edit this file as you please!"
EXAMPLES = {
    "yaml": f"""\
hello: {WELCOME}
example_key: example_value
# Example comment
example_array:
    - example_value1
    - example_value2
example_number: 1234.56789
example_booleans:
    - true
    - false
""",
    "json": f"""\
{{
\t"hello": "{WELCOME}",
\t"example_key": "example_value",
\t"example_array": [
\t\t"example_value1",
\t\t"example_value2"
\t],
\t"example_number": 1234.56789,
\t"example_booleans": [
\t\ttrue,
\t\tfalse
\t]
}}
""",
    "dotenv": f"# This is an example file.\nhello={WELCOME}\nexample_key=example_value\nexample_multiline=foo\\nbar\\nbaz\n",
    "ini": f"[Welcome!]\n# This is an example file.\nhello       = {WELCOME}\nexample_key = example_value\n",
    "binary": WELCOME,
}


class Draft(NamedTuple):
    """A file being edited. `opened` is None for a new one; `metadata` has its keys wrapped."""

    format: Format
    metadata: Metadata
    data_key: DataKey
    opened: Opened | None
    text: bytes
    with_metadata: bool


def draft_of(opened: Opened, *, with_metadata: bool, indent: int | None) -> Draft:
    """What to edit of an existing file; with its metadata for `--show-master-keys`. Raises `RefusedError`."""
    metadata = opened.file.metadata
    plain = opened.plain
    text = plain.to_bytes()
    if with_metadata:
        if plain.format.NAME == "binary":
            raise RefusedError("a binary file cannot be shown together with its master keys", hint="leave out -s")
        text = _with_block(plain, metadata, indent).to_bytes()
    return Draft(plain.format, metadata, opened.data_key, opened, text, with_metadata)


def new_draft(metadata: Metadata, format: Format, gpg: Gpg) -> Draft:
    """An example to start a new file from. Its key is wrapped before anything is typed. Raises what wrapping raises."""
    data_key = generate()
    wrapped = wrap_data_key(metadata, data_key, gpg)
    return Draft(format, wrapped, data_key, None, EXAMPLES[format.NAME].encode(), with_metadata=False)


def _with_block(plain: Document, metadata: Metadata, indent: int | None) -> Document:
    block = metadata.to_flat() if plain.format.FLAT else metadata.to_tree()
    return plain.format.seal(plain, (), block, indent=indent, one_line=frozenset())


def finish(draft: Draft, text: bytes, *, gpg: Gpg, now: datetime, indent: int | None) -> bytes:
    """Seal what the editor left; unchanged values keep their ciphertext.

    Edits of data and, with `-s`, of metadata both apply (sops drops them: trap 11.69). Raises what reading a
    document, its metadata and sealing raise: all of that can be mended in the editor.
    """
    metadata = draft.metadata
    if draft.with_metadata:
        document = parse(text, draft.format, encrypted=True)
        if document.block is None:
            raise MetadataError("the sops entry is missing", hint="put it back, or edit without --show-master-keys")
        metadata = _edited(draft, Metadata.from_block(document.block), gpg)
        plain = document.format.open(document, ())
    else:
        plain = read_plain(text, draft.format)
    sealed = seal_file(plain, _current(metadata), draft.data_key, now=now, like=draft.opened, indent=indent)
    return sealed.document.to_bytes()


def _edited(draft: Draft, edited: Metadata, gpg: Gpg) -> Metadata:
    """The edited metadata; the data key is wrapped again if a recipient, a group or the threshold changed."""
    edited.selection.check()
    before = draft.metadata
    names = [[[name_of(key) for key in group] for group in metadata.groups] for metadata in (before, edited)]
    if names[0] == names[1] and before.shamir_threshold == edited.shamir_threshold:
        return edited.replace(groups=before.groups)
    return wrap_data_key(edited, draft.data_key, gpg)


def _current(metadata: Metadata) -> Metadata:
    """Edit alone brings the version up to date, as in sops."""
    if _numbers(metadata.version) < _numbers(FORMAT_VERSION):
        return metadata.replace(version=FORMAT_VERSION)
    return metadata


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.removeprefix("v").split("-")[0].split(".")[:3]
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)


def rescue(text: bytes, draft: Draft, *, now: datetime) -> bytes:
    """Any text, sealed as a binary file for the recipients of the draft: edits that could not be saved are not lost."""
    from sopskit.document import format_for_name
    from sopskit.sops import selection

    plain = parse(text, format_for_name("binary"))
    metadata = draft.metadata.replace(selection=selection.NONE, mac_only_encrypted=False, version=FORMAT_VERSION)
    return seal_file(plain, metadata, draft.data_key, now=now).document.to_bytes()

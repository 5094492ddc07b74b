"""Age identities in key files and in the OS keyring: made, added, found, removed.

A key file is the one that sops reads too. It is only ever added to: what is in it stays, and a file that holds
anything but identities is refused, because a private key appended to the wrong file is a leak.
"""

# pathlib would cost a tenth of the start-up time

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, NamedTuple, cast

from sopskit.errors import FileAccessError, IdentityError, KeyAccessError, RefusedError
from sopskit.keysources import environment_sources
from sopskit.keysources.source import SIZE_LIMIT, SOURCE_ERRORS
from sopskit.keysources.text import PLUGIN_PREFIX
from sopskit.sops.masterkeys import SourceReport
from sopskit.workflow import files, writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sopskit.age import KeyIdentity
    from sopskit.keysources.oskeyring import StoredKey


class Added(NamedTuple):
    """What `add_to_file` or `add_to_keyring` did: recipients that are new there, and those that were there before."""

    location: str
    new: tuple[str, ...]
    known: tuple[str, ...]
    others: int


class KnownKey(NamedTuple):
    """A private key that could be found, by its public half, and where."""

    recipient: str
    location: str


def generate(*, post_quantum: bool) -> KeyIdentity:
    """A new identity: hybrid (ML-KEM-768 with X25519) if it is to be `post_quantum`, else X25519."""
    if post_quantum:
        from sopskit.age import generate_hybrid

        return generate_hybrid()
    from sopskit.age import generate_x25519

    return generate_x25519()


def key_text(identity: KeyIdentity, now: datetime) -> str:
    """The lines of a key file for one identity. `now` is in UTC. This is the secret itself."""
    created = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"# created: {created}\n# public key: {identity.recipient()}\n{identity.reveal()}\n"


def read_keys(data: bytes, name: str) -> list[KeyIdentity]:
    """The identities in a file to be imported. Raises `RefusedError` for other kinds of key files, `IdentityError`."""
    from sopskit.age import identity_file_kind, parse_identities

    kind = identity_file_kind(data)
    if kind == "encrypted":
        raise RefusedError(
            "an encrypted identity file is used as it is, not imported", hint="name it in SOPS_AGE_KEY_FILE"
        ).at(file=name)
    if kind == "ssh":
        raise RefusedError(
            "an SSH or PGP key is used where it is, not imported",
            hint="name an SSH key in SOPS_AGE_SSH_PRIVATE_KEY_FILE; gpg --import takes a PGP key",
        ).at(file=name)
    try:
        return list(parse_identities(data.decode("utf-8")))
    except UnicodeDecodeError:
        raise IdentityError("not a list of age identities: the text is not UTF-8").at(file=name) from None
    except IdentityError as error:
        raise error.at(file=name) from None


def add_to_file(path: str, identities: Sequence[KeyIdentity], now: datetime) -> Added:
    """Add identities to a key file, which is made if it is not there (mode 0600, its folder 0700).

    The file is replaced whole, or stays as it is. Raises `RefusedError` if it holds anything but identities.
    """
    target = os.path.realpath(path)
    _make_folder(os.path.dirname(target))
    seen = _seen(target)
    present = _recipients_in(seen, path)
    new, known = _sort_out(identities, present)
    if new:
        before = (seen.data or b"").decode("utf-8")
        gap = "" if not before or before.endswith("\n") else "\n"
        text = before + gap + "".join(key_text(identity, now) for identity in new)
        writer.replace(seen, text.encode("utf-8"), private=True)
    return Added(path, tuple(str(identity.recipient()) for identity in new), known, len(set(present) - set(known)))


def create_file(path: str, identity: KeyIdentity, now: datetime) -> None:
    """Write one identity to a new file of mode 0600. Raises `RefusedError` if the file is there."""
    seen = files.look(path)
    if seen.status is not None:
        raise RefusedError("is there already, and is not overwritten", hint="name another file").at(file=path)
    writer.replace(seen, key_text(identity, now).encode("utf-8"), private=True)


def add_to_keyring(index: str, identities: Sequence[KeyIdentity], now: datetime) -> Added:
    """Add identities to the OS keyring, and their recipients to the list at `index`.

    Each is read back before it is listed. Raises `RefusedError` if there is no safe keyring, `KeyAccessError`.
    """
    from sopskit.keysources.oskeyring import StoredKey, check_backend, index_text, read_index, store

    check_backend()
    _make_folder(os.path.dirname(index))
    seen = _seen(index)
    stored = read_index(index)
    new, known = _sort_out(identities, [key.recipient for key in stored])
    created = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    listed = list(stored)
    try:
        for identity in new:
            recipient = str(identity.recipient())
            store(recipient, identity.reveal())
            listed.append(StoredKey(recipient, created))
    finally:  # what was stored before another one failed must not be lost
        if len(listed) > len(stored):
            writer.replace(seen, index_text(listed), private=True)
    added = tuple(key.recipient for key in listed[len(stored) :])
    return Added("OS keyring", added, known, len(stored) - len(known))


def known_keys(environ: Mapping[str, str]) -> tuple[list[KnownKey], list[SourceReport]]:
    """Every private key of the environment by its public half, and what could not be looked into. Runs nothing."""
    sources, problems = environment_sources(environ)
    keys: list[KnownKey] = []
    for source in sources:
        if not source.is_there():
            continue
        try:
            keys.extend(KnownKey(recipient, source.location) for recipient in source.recipients())
        except SOURCE_ERRORS as error:
            problems.append(SourceReport(source.location, 0, error.message))
    return keys, problems


def find(environ: Mapping[str, str], recipient: str) -> KeyIdentity:
    """The private key of `recipient`, from files, variables or the OS keyring. Raises `KeyAccessError`."""
    for source in environment_sources(environ)[0]:
        try:
            if source.is_there() and recipient in source.recipients():
                identities = cast("Sequence[KeyIdentity]", source.load(recipient))
                return next(identity for identity in identities if str(identity.recipient()) == recipient)
        except SOURCE_ERRORS:
            continue
        except StopIteration:
            raise KeyAccessError(
                f"{source.location} lists {shortened(recipient)}, but does not hold its private key"
            ) from None
    raise KeyAccessError(f"no private key for {shortened(recipient)}", hint="sopskit keys list shows which there are")


def remove_from_file(path: str, recipient: str) -> bool:
    """Take an identity and the comments right above it out of a key file; False if it is not in it."""
    target = os.path.realpath(path)
    seen = _seen(target)
    if seen.data is None or recipient not in _recipients_in(seen, path):
        return False
    writer.replace(seen, _without(seen.data.decode("utf-8"), recipient).encode("utf-8"), private=True)
    return True


def remove_from_keyring(index: str, recipient: str) -> bool:
    """Take an identity out of the OS keyring and the list; False if it is not listed. Raises `KeyAccessError`."""
    from sopskit.keysources.oskeyring import forget, index_text, read_index

    seen = _seen(index)
    stored = read_index(index)
    kept: tuple[StoredKey, ...] = tuple(key for key in stored if key.recipient != recipient)
    if len(kept) == len(stored):
        return False
    forget(recipient)
    writer.replace(seen, index_text(kept), private=True)
    return True


def is_in_repository(path: str) -> bool:
    """Whether `path` lies in a Git working tree, where a private key is one `git add .` away from being published."""
    folder = os.path.dirname(os.path.realpath(path))
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
    return True


def shortened(recipient: str) -> str:
    """A recipient for a message: one of a hybrid key has some 2000 characters."""
    return recipient if len(recipient) <= 100 else f"{recipient[:40]}..."


def _seen(path: str) -> files.Seen:
    seen = files.look(path)
    return seen if seen.status is None else files.read(path, limit=SIZE_LIMIT)


def _make_folder(folder: str) -> None:
    """Make a folder and those above it, all of them private, whatever the umask; those that are there stay."""
    above = os.path.dirname(folder)
    if not os.path.isdir(above) and above != folder:
        _make_folder(above)
    try:
        os.mkdir(folder, mode=0o700)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise FileAccessError("the folder cannot be made: a file is in its place").at(file=folder) from None
    except OSError as error:
        raise FileAccessError(f"the folder cannot be made: {files.reason(error)}").at(file=folder) from None


def _recipients_in(seen: files.Seen, name: str) -> list[str]:
    """The recipients of a key file's identities; none for one that is missing or empty. Raises `RefusedError`."""
    if not (seen.data or b"").strip():
        return []
    try:
        lines = _lines((seen.data or b"").decode("utf-8"))
        return [str(identity.recipient()) for _, identity in lines if identity is not None]
    except (IdentityError, UnicodeDecodeError):
        raise RefusedError(
            "holds other things than age identities, and is left alone", hint="name another key file"
        ).at(file=name) from None


def _lines(text: str) -> list[tuple[str, KeyIdentity | None]]:
    """The lines of a key file, each with its identity if it has one. Raises `IdentityError`."""
    from sopskit.age import parse_identity

    parsed: list[tuple[str, KeyIdentity | None]] = []
    for line in io.StringIO(text, newline="\n"):  # splitlines() would see ends of lines that are none
        content = line.removesuffix("\n").removesuffix("\r")
        holds_key = content and not content.startswith(("#", PLUGIN_PREFIX))
        parsed.append((line, parse_identity(content) if holds_key else None))
    return parsed


def _without(text: str, recipient: str) -> str:
    kept: list[str] = []
    comments: list[str] = []
    for line, identity in _lines(text):
        if line.startswith("#"):
            comments.append(line)
            continue
        if identity is None or str(identity.recipient()) != recipient:
            kept += [*comments, line]
        comments = []
    return "".join(kept + comments)


def _sort_out(identities: Sequence[KeyIdentity], present: Sequence[str]) -> tuple[list[KeyIdentity], tuple[str, ...]]:
    """What is not there yet, each once, and the recipients of what is."""
    by_recipient = {str(identity.recipient()): identity for identity in identities}
    known = tuple(recipient for recipient in by_recipient if recipient in present)
    return [identity for recipient, identity in by_recipient.items() if recipient not in known], known

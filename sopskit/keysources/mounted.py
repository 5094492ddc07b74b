"""Private keys from a Kubernetes Secret: mounted as a folder, or as read through the API.

The names of the data keys are those that Flux reads (https://fluxcd.io/flux/guides/mozilla-sops/): `*.agekey` holds
age identities, one a line, `*.asc` an armored PGP private key. Nothing else is looked at, above all neither the
environment nor a home folder: a keyring from here opens what these keys open.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from sopskit.errors import FileAccessError, IdentityError, KeyAccessError, LimitError, SopskitError
from sopskit.keysources.text import PluginIdentity, read_identities
from sopskit.sops.masterkeys import SourceReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from sopskit.age import Identity
    from sopskit.keysources.gpghome import PrivateGpgHome
    from sopskit.pgp import Gpg

AGE_SUFFIX = ".agekey"
PGP_SUFFIX = ".asc"
SIZE_LIMIT = 1024 * 1024  # bytes; a Secret holds no more
CURRENT = "..data"  # the kubelet's link to the folder with the current version (Kubernetes, AtomicWriter)


class SecretKeyring:
    """The keys of one Secret, say of one tenant. A context manager; `close` forgets the keys.

    It may be used by several threads. It never asks for a passphrase and never starts a plugin.
    """

    __slots__ = ("_closed", "_home", "_identities", "_reports")

    def __init__(
        self, identities: Sequence[Identity], home: PrivateGpgHome | None, reports: Sequence[SourceReport]
    ) -> None:
        """Made by `load` and `from_data`."""
        self._identities = tuple(identities)
        self._home = home
        self._reports = tuple(reports)
        self._closed = False

    def __enter__(self) -> Self:
        """The keyring itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """How many keys, not which."""
        return f"<keyring of {len(self._identities)} age identities, {'with' if self._home else 'without'} PGP keys>"

    def identities(self, recipient: str) -> Sequence[Identity]:  # noqa: ARG002 the same for all
        """All age identities. Raises `KeyAccessError` after `close`."""
        self._require_open()
        return self._identities

    def gpg(self) -> Gpg:
        """A gpg that has the keys of this Secret and no others. Raises `KeyAccessError` if there are none."""
        self._require_open()
        if self._home is None:
            raise KeyAccessError(f"no PGP key was handed in (no *{PGP_SUFFIX})")
        return self._home.gpg

    def report(self) -> Sequence[SourceReport]:
        """The data keys that were read."""
        return self._reports

    def close(self) -> None:
        """Drop the identities, end gpg's agent and remove its home. Calling it again does nothing.

        What Python has copied of an age identity stays in this process's memory until it is overwritten.
        """
        self._closed = True
        self._identities = ()
        if self._home is not None:
            self._home.close()

    def _require_open(self) -> None:
        if self._closed:
            raise KeyAccessError("the keyring is closed")


def load(folder: str | os.PathLike[str], *, search_path: str | None = None) -> SecretKeyring:
    """The keys in a mounted Secret. All are read from the same version, even while the kubelet replaces it.

    Modes are not judged: the kubelet sets them. `search_path` is where gpg is looked for (None: this process's PATH).
    Raises `FileAccessError`, `LimitError` for a file of more than 1 MiB, and what `from_data` raises.
    """
    path = os.fspath(folder)
    return from_data(dict(_read(path)), place=path, search_path=search_path)


def from_data(data: Mapping[str, bytes], *, place: str = "Secret", search_path: str | None = None) -> SecretKeyring:
    """The keys in a Secret's decoded `data`. `place` is what messages call it.

    One bad entry fails the whole, and a Secret without any key is an error, not an empty keyring. Raises
    `IdentityError`, `KeyAccessError`, `GpgError`, and `RefusedError` if PGP keys would have to be put on a disk.
    """
    identities: list[Identity] = []
    reports: list[SourceReport] = []
    armored: list[str] = []
    for name in sorted(data):
        if name.endswith(AGE_SUFFIX):
            found = _identities(data[name], f"{place}/{name}")
            identities += found
            reports.append(SourceReport(f"{place}/{name}", len(found)))
        elif name.endswith(PGP_SUFFIX):
            armored.append(name)
    home = _import(data, armored, place, search_path, reports) if armored else None
    if not identities and home is None:
        raise KeyAccessError(
            "there is no private key in it",
            hint=f"age identities are looked for in data keys named *{AGE_SUFFIX}, PGP keys in *{PGP_SUFFIX}",
        ).at(file=place)
    return SecretKeyring(identities, home, reports)


def is_key_name(name: str) -> bool:
    """Whether a data key of this name holds private keys."""
    return name.endswith((AGE_SUFFIX, PGP_SUFFIX))


def _identities(data: bytes, place: str) -> Sequence[Identity]:
    from sopskit.age import EncryptedIdentities

    try:
        found = read_identities(data, place, None)
    except IdentityError as error:
        raise error.at(file=place) from None
    for identity in found:
        if isinstance(identity, PluginIdentity):
            raise IdentityError(
                "an identity of an age plugin: a Secret does not choose programs to be started",
                hint="give the cluster an identity of its own, made by age-keygen",
            ).at(file=place)
        if isinstance(identity, EncryptedIdentities):
            raise IdentityError("the identities are encrypted with a passphrase, and nobody can be asked").at(
                file=place
            )
    return found


def _import(
    data: Mapping[str, bytes], names: list[str], place: str, search_path: str | None, reports: list[SourceReport]
) -> PrivateGpgHome:
    from sopskit.keysources.gpghome import PrivateGpgHome

    home = PrivateGpgHome(search_path if search_path is not None else os.environ.get("PATH", os.defpath))
    try:
        for name in names:
            found = home.add(data[name])
            if not found:
                raise IdentityError(
                    "no PGP private key could be imported",
                    hint="gpg --armor --export-secret-keys FINGERPRINT writes one; its passphrase must be empty",
                ).at(file=f"{place}/{name}")
            reports.append(SourceReport(f"{place}/{name}", found))
    except SopskitError as error:
        home.close()
        raise error.at(file=place) from None
    except BaseException:
        home.close()
        raise
    return home


def _read(folder: str) -> Iterator[tuple[str, bytes]]:
    """The key files of one version of the folder."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        try:
            descriptor = os.open(os.path.join(folder, CURRENT), flags)
        except FileNotFoundError:
            descriptor = os.open(folder, flags)  # not made by a kubelet
        try:
            for name in sorted(os.listdir(descriptor)):
                if is_key_name(name):
                    yield name, _read_file(name, descriptor, os.path.join(folder, name))
        finally:
            os.close(descriptor)
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        raise FileAccessError(f"the folder of keys cannot be read: {reason}").at(file=folder) from None


def _read_file(name: str, folder: int, path: str) -> bytes:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileAccessError("is no ordinary file").at(file=path)
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(SIZE_LIMIT + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        raise FileAccessError(f"cannot be read: {reason}").at(file=path) from None
    if len(data) > SIZE_LIMIT:
        raise LimitError(f"more than {SIZE_LIMIT} bytes, which is no key file").at(file=path)
    return data

"""The keyring of a user at a command line: every source that sops reads, and the OS keyring."""

# pathlib would cost a tenth of the start-up time

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.errors import FileAccessError, SopskitError
from sopskit.keysources.keyfile import KeyFile
from sopskit.keysources.locations import home_folder, index_file, keys_file
from sopskit.keysources.source import SOURCE_ERRORS, Deferred, Timing
from sopskit.keysources.ssh import SshKeyFile
from sopskit.keysources.variable import KeyVariable
from sopskit.sops.masterkeys import SourceReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sopskit.age import Identity
    from sopskit.keysources.source import Prompt, Source, Warn
    from sopskit.pgp import Gpg

LOCKED = Timing(interactive=True)


class EnvironmentKeyring:
    """Opens sources as they are needed, each once, and remembers how that went. One failing stops no other."""

    def __init__(
        self, sources: Sequence[Source], environ: Mapping[str, str], lost: Sequence[SourceReport] = ()
    ) -> None:
        """`lost` are places that could not even be named."""
        self._sources = sources
        self._environ = environ
        self._loaded: dict[tuple[str, str], Sequence[Identity]] = {}
        self._reports: dict[str, SourceReport] = {report.location: report for report in lost}
        self._there: dict[str, bool] = {}
        self._gpg: Gpg | None = None

    def identities(self, recipient: str) -> Sequence[Identity]:
        """All identities at hand, those that cost nothing first. Sources put off stand as one identity each."""
        at_once: list[Identity] = []
        later: list[Identity] = []
        for source in self._sources:
            if source.location not in self._there:  # a thousand files are one run: looked at once
                self._there[source.location] = source.is_there()
            if not self._there[source.location]:
                self._reports[source.location] = SourceReport(source.location, 0)
            elif source.timing.late:
                later.append(self._deferred(source, recipient))
            else:
                at_once.extend(self._guarded(source, self._load_or_note(source, recipient)))
        return at_once + later

    def gpg(self) -> Gpg:
        """The user's gpg, the same for every file."""
        if self._gpg is None:
            from sopskit.keysources.gpg import gpg_from_environment

            self._gpg = gpg_from_environment(self._environ)
        return self._gpg

    def report(self) -> Sequence[SourceReport]:
        """The places looked at so far. A source that was put off and not needed is not among them."""
        return tuple(self._reports.values())

    def _load(self, source: Source, recipient: str) -> Sequence[Identity]:
        """Load once, for a command once per recipient. Raises one of `SOURCE_ERRORS`."""
        key = (source.location, recipient if source.timing.per_recipient else "")
        if key not in self._loaded:
            # A source that failed is not tried again for the next file.
            self._loaded[key] = ()
            self._loaded[key] = source.load(recipient)
            self._reports[source.location] = SourceReport(source.location, len(self._loaded[key]))
        return self._loaded[key]

    def _load_or_note(self, source: Source, recipient: str) -> Sequence[Identity]:
        try:
            return self._load(source, recipient)
        except SOURCE_ERRORS as error:
            self._noter(source.location)(error)
            return ()

    def _deferred(self, source: Source, recipient: str) -> Deferred:
        return Deferred(lambda: self._load(source, recipient), self._noter(source.location), source.timing)

    def _guarded(self, source: Source, identities: Sequence[Identity]) -> Iterator[Identity]:
        """An identity that may ask for a passphrase may be given a wrong one, which is no fault of the others."""
        for identity in identities:
            if identity.interactive:
                yield Deferred(lambda one=identity: (one,), self._noter(source.location), LOCKED)  # type: ignore[misc]
            else:
                yield identity

    def _noter(self, location: str) -> Callable[[Exception], None]:
        def note(error: Exception) -> None:
            found = self._reports[location].found if location in self._reports else 0
            self._reports[location] = SourceReport(location, found, problem_text(error))

        return note


def problem_text(error: Exception) -> str:
    """What went wrong, and what to try."""
    hint = error.hint if isinstance(error, SopskitError) else None
    return f"{error} ({hint})" if hint else str(error)


def environment_keyring(
    environ: Mapping[str, str] | None = None,
    *,
    prompt: Prompt | None = None,
    warn: Warn | None = None,
    home: str | None = None,
) -> EnvironmentKeyring:
    """The keys that `environ` (None: this process's environment) leads to. Nothing is read or started yet.

    `prompt` is given a question and returns a passphrase; without it nobody is asked. `warn` is told about key files
    that others can read. `home` is the user's home folder, by default what `HOME` says.
    """
    environ = os.environ if environ is None else environ
    if home is not None:
        environ = {**environ, "HOME": home}
    sources, lost = environment_sources(environ, prompt=prompt, warn=warn)
    return EnvironmentKeyring(sources, environ, lost)


def environment_sources(
    environ: Mapping[str, str], *, prompt: Prompt | None = None, warn: Warn | None = None
) -> tuple[list[Source], list[SourceReport]]:
    """Every source, in the order in which they are tried, and the places that the environment does not tell."""
    lost: list[SourceReport] = []
    return list(_sources(environ, prompt, warn, lost)), lost


def _sources(
    environ: Mapping[str, str], prompt: Prompt | None, warn: Warn | None, lost: list[SourceReport]
) -> Iterator[Source]:
    yield KeyVariable(environ, prompt)
    if (path := environ.get("SOPS_AGE_KEY_FILE")) is not None:
        yield KeyFile(path, prompt, warn, variable="SOPS_AGE_KEY_FILE")
    if path := _place(keys_file, environ, lost, "sops/age/keys.txt"):
        yield KeyFile(path, prompt, warn)
    yield from _ssh_sources(environ, prompt, warn, lost)
    if "SOPS_AGE_KEY_CMD" in environ or "SOPS_AGE_SSH_PRIVATE_KEY_CMD" in environ:
        from sopskit.keysources.command import KeyCommand, SshKeyCommand

        yield SshKeyCommand(environ)
        yield KeyCommand(environ, prompt)
    path = _place(index_file, environ, lost, "sopskit/keyring.json")
    if path and os.path.exists(path):
        from sopskit.keysources.oskeyring import OsKeyring

        yield OsKeyring(path)


def _ssh_sources(
    environ: Mapping[str, str], prompt: Prompt | None, warn: Warn | None, lost: list[SourceReport]
) -> Iterator[Source]:
    if (path := environ.get("SOPS_AGE_SSH_PRIVATE_KEY_FILE")) is not None:
        yield SshKeyFile(path, prompt, warn, variable="SOPS_AGE_SSH_PRIVATE_KEY_FILE")
    if home := _place(home_folder, environ, lost, "~/.ssh"):
        for name in ("id_ed25519", "id_rsa"):
            yield SshKeyFile(os.path.join(home, ".ssh", name), prompt, warn)


def _place(
    find: Callable[[Mapping[str, str]], str], environ: Mapping[str, str], lost: list[SourceReport], name: str
) -> str | None:
    try:
        return find(environ)
    except FileAccessError as error:
        lost.append(SourceReport(name, 0, problem_text(error)))
        return None

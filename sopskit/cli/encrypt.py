"""`sopskit encrypt`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sopskit.cli import exitcodes, options, results
from sopskit.cli.configuration import Configuration
from sopskit.cli.declare import Option, Verb
from sopskit.cli.results import Stage
from sopskit.document import DEFAULT_LIMITS
from sopskit.errors import KeyAccessError, NoMatchingRuleError, SopskitError, UsageError
from sopskit.workflow import files
from sopskit.workflow.encrypt import encrypt, encrypts_anything, is_ordinary_manifest, read_plain, spoils_manifest
from sopskit.workflow.folders import looks_encrypted
from sopskit.workflow.outcome import CHANGE, Left
from sopskit.workflow.secretfiles import check_merged, is_plain_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.cli.context import Context
    from sopskit.cli.declare import Given
    from sopskit.document import Document, Format
    from sopskit.sops.metadata import Metadata
    from sopskit.workflow.encrypt import Older
    from sopskit.workflow.files import Seen
    from sopskit.workflow.folders import Found
    from sopskit.workflow.older import Found as FoundOlder
    from sopskit.workflow.older import History

MENDED_RULE = "encrypted_regex: ^(data|stringData)$"


def run(context: Context, given: Given) -> int:
    """Encrypt to standard output or a file; in place also many files and folders."""
    _check(context, given)
    work = _Work(context, given)
    try:
        if given.has("in-place"):
            return work.in_place()
        return work.one()
    finally:
        work.close()


class _Work:
    """One run: the configuration and the Git history are shared by all its files."""

    def __init__(self, context: Context, given: Given) -> None:
        self._context = context
        self._given = given
        self._configuration = Configuration(context, given)
        self._history: History | None = None
        self._told_no_key = False
        self._found_any = False  # in a folder, a file that a rule means
        self._ordinary = 0  # manifests in folders that hold nothing a rule would encrypt

    def close(self) -> None:
        if self._history is not None:
            self._history.close()

    def in_place(self) -> int:
        self._check_folders()
        code = results.in_place(
            self._context, self._given, "encrypt", self._change, wanted=self._wanted, rescued=self._warn_of_edits
        )
        if self._ordinary and not self._given.has("verbose"):
            what = "1 manifest holds" if self._ordinary == 1 else f"{self._ordinary} manifests hold"
            self._context.note(f"sopskit: note: {what} nothing that a rule would encrypt (--verbose names them)")
        folders = [path for path in self._given.files if os.path.isdir(path)]
        if folders and not self._found_any:
            raise NoMatchingRuleError(
                f"no file in {', '.join(folders)} is meant by a creation rule",
                hint="name the files, or give the rule a path_regex",
            )
        return code

    def _wanted(self, found: Found) -> bool:
        """Whether there is something to do or to say about a file of a folder.

        A rule with a `path_regex` says which files it means. One without means Secrets, and what was encrypted before.
        """
        matched = self._configuration.match(found.path)
        if matched is not None and matched.path_regex:
            self._found_any = True
            return True
        format = options.input_format(self._given, found.path)
        try:
            source = files.read(found.path, limit=DEFAULT_LIMITS.size).data or b""
        except SopskitError:  # nobody has asked for this file
            return False
        is_secret = is_plain_secret(source, format)
        meant = looks_encrypted(source, format.NAME) or (
            matched is not None and (is_secret or self._stood_encrypted(found.path, format))
        )
        self._found_any = self._found_any or meant
        return meant or is_secret

    def _stood_encrypted(self, path: str, format: Format) -> bool:
        try:
            return self._git().stood_encrypted(path, format)
        except SopskitError:
            return False

    def _warn_of_edits(self, path: str) -> None:
        self._context.warn(f"{path}: an unfinished edit lies there", f"see it with: sopskit decrypt {path}")

    def _check_folders(self) -> None:
        """In a folder, the creation rules say which files are meant; without rules nobody does."""
        folder = next((path for path in self._given.files if os.path.isdir(path)), None)
        config = self._configuration.config if folder else None
        if folder and (config is None or not config.has_rules):
            raise UsageError(
                f"{folder} is a folder, and there are no creation rules that say which of its files are secret",
                hint="add creation_rules with path_regex to .sops.yaml, or name the files",
            )

    def _change(self, seen: Seen, found: Found) -> bytes | Left:
        path = self._given.value("filename-override") or seen.path
        source = seen.data or b""
        format = options.input_format(self._given, path)
        if not found.named and looks_encrypted(source, format.NAME):
            check_merged(source)
            return Left("is encrypted already")
        if not found.named and self._configuration.match(path) is None:
            return Left("a Secret that no creation rule covers stays plain", skipped=True, notable=True)
        metadata = self._configuration.metadata_for(path, format)
        plain = read_plain(source, format)
        if not found.named and not encrypts_anything(plain, metadata):
            ordinary = is_ordinary_manifest(plain)
            self._ordinary += ordinary
            return Left("its rule encrypts nothing in this file", skipped=True, notable=not ordinary)
        return self._seal(plain, metadata, path, lambda: self._committed(seen, format))

    def one(self) -> int:
        file = results.one_file(self._given, "encrypt")
        path = self._given.value("filename-override") or file
        if path is None:
            error = UsageError("standard input needs a name to judge it by", hint="add --filename-override NAME")
            self._context.fail(error, exitcodes.EXCLUSIVE)
        seen = results.read_input(self._context, "encrypt", file)
        format = options.input_format(self._given, path)
        metadata = self._configuration.metadata_for(path, format)
        output = self._given.value("output")
        with Stage(self._context, "encrypt", CHANGE, seen.path):
            plain = read_plain(seen.data or b"", format)
            data = self._seal(plain, metadata, path, lambda: self._existing(output, format))
        return results.deliver(self._context, output, data, private=False)

    def _seal(self, plain: Document, metadata: Metadata, path: str, find: Callable[[], Older | None]) -> bytes:
        self._configuration.warn_about_rules(plain.format, path)
        if not encrypts_anything(plain, metadata):
            self._context.warn(f"{path}: its rule encrypts nothing in this file: every value stays readable")
        if spoils_manifest(plain, metadata):
            self._context.warn(
                f"{path}: apiVersion, kind or metadata of this Kubernetes manifest will be encrypted, "
                "and nothing can tell any more what it is",
                f"add to its creation rule in .sops.yaml:  {MENDED_RULE}",
            )
        return encrypt(
            plain,
            metadata,
            gpg=self._context.gpg(),
            now=datetime.now(UTC),
            older=self._like(plain.format) or find(),
            indent=self._configuration.indent(plain.format),
        )

    def _like(self, format: Format) -> Older | None:
        """The version that `--like` names; it must open."""
        name = self._given.value("like")
        if name is None:
            return None
        from sopskit.workflow.older import open_older

        with Stage(self._context, "decrypt", CHANGE, name):
            found = self._git().judge(name, files.read(name).data or b"")
            if not found.trusted:
                self._context.warn(
                    f"{name} is not in the upstream default branch and plays no part: anybody could have written it",
                    "values keep their ciphertext once it is merged",
                )
                return None
            return open_older(found, format, self._context.keyring())

    def _existing(self, output: str | None, format: Format) -> Older | None:
        """The file that `--output` will replace, if it opens."""
        if output is None or not os.path.isfile(output):
            return None
        data = files.read(output).data or b""
        if not looks_encrypted(data, format.NAME):
            return None
        return self._open_quietly(lambda: self._git().judge(output, data), format)

    def _committed(self, seen: Seen, format: Format) -> Older | None:
        """The encrypted version in Git of a file that is encrypted again in place, if it opens."""
        return self._open_quietly(lambda: self._git().committed(seen.target, format), format)

    def _open_quietly(self, find: Callable[[], FoundOlder | None], format: Format) -> Older | None:
        """What nobody asked for by name must not fail, nor ask for a passphrase."""
        from sopskit.workflow.older import open_older

        try:
            found = find()
            return (
                None if found is None or not found.trusted else open_older(found, format, self._context.quiet_keyring())
            )
        except KeyAccessError:
            if not self._told_no_key:
                self._context.note("sopskit: note: no private key: all values get new ciphertext")
            self._told_no_key = True  # once is enough
        except SopskitError:
            pass
        return None

    def _git(self) -> History:
        from sopskit.workflow.older import History

        if self._history is None:
            self._history = History(self._context.environ)
        return self._history


def _check(context: Context, given: Given) -> None:
    options.check_targets(context, given)
    if given.has("in-place") and given.value("like") and len(given.files) > 1:
        raise UsageError("--like is the older version of one file", hint="name one file")


VERB = Verb(
    name="encrypt",
    summary="Encrypt files. Comments, order, quoting and blank lines stay as they are.",
    arguments="[FILE]...",
    keys="Needs public keys only. With a private key at hand, values that did not change since the older version "
    "(--like, the target of --output, or with --in-place the one in Git) keep their ciphertext.",
    example="""
sopskit encrypt --age age1... secrets.yaml > secrets.enc.yaml
sopskit encrypt --in-place k8s/gitops/dev      (recipients from .sops.yaml)
sopskit encrypt --like secrets.enc.yaml --output secrets.enc.yaml secrets.yaml
""",
    options=(
        options.IN_PLACE,
        options.OUTPUT,
        Option("like", "the older encrypted version: what did not change keeps its ciphertext", "FILE"),
        *options.KEYS,
        *options.TYPES,
        *options.RULES,
        options.MAC_ONLY_ENCRYPTED,
        options.THRESHOLD,
        options.OVERRIDE,
        options.INDENT,
        options.JSON,
        *options.ROOT,
    ),
    run=run,
)

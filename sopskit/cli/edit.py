"""`sopskit edit`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import chain, count
from typing import TYPE_CHECKING

from sopskit.cli import exitcodes, options
from sopskit.cli.configuration import Configuration
from sopskit.cli.declare import Option, Verb
from sopskit.cli.results import Stage
from sopskit.document import DEFAULT_LIMITS
from sopskit.errors import ConfigError, EditorError, NoMatchingRuleError, SopskitError, UnchangedError, UsageError
from sopskit.memory import SHARED_MEMORY
from sopskit.workflow import files
from sopskit.workflow.decrypt import open_bytes
from sopskit.workflow.edit import draft_of, finish, new_draft, rescue
from sopskit.workflow.editor import Cancelled, Session, find_editor
from sopskit.workflow.folders import RESCUED
from sopskit.workflow.outcome import CHANGE, READ, WRITE
from sopskit.workflow.writer import replace

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.cli.declare import Given
    from sopskit.sops.metadata import Metadata
    from sopskit.workflow.edit import Draft
    from sopskit.workflow.files import Seen


def run(context: Context, given: Given) -> int:
    """Edit one file, or make a new one."""
    if not given.files:
        context.fail(UsageError("no file specified", hint="sopskit --help lists the commands"), exitcodes.NO_FILE)
    if len(given.files) > 1:
        raise UsageError("edit takes one file")
    try:
        return _Edit(context, given).run()
    except Cancelled:
        context.note("sopskit: error: cancelled by a signal; the file is as it was, and the edits are gone")
        return exitcodes.GENERAL


class _Edit:
    """One run of the editor on one file."""

    def __init__(self, context: Context, given: Given) -> None:
        self._context = context
        self._given = given
        self._path = given.files[0]
        self._format = options.input_format(given, self._path)
        self._configuration = Configuration(context, given)
        self._indent = self._configuration.indent(self._format)

    def run(self) -> int:
        seen = self._look()
        with self._stage(CHANGE):
            draft = self._draft(seen)
            editor = find_editor(self._context.environ)
        if editor.keeps_history:
            self._context.warn("this editor may keep copies of what it edits", "turn its local history off")
        text, sealed = b"", b""
        with self._stage(CHANGE), self._session() as session:
            text, sealed = self._edited(session, draft)
        return self._save(seen, draft, text, sealed)

    def _stage(self, stage: str) -> Stage:
        return Stage(self._context, "edit", stage, self._path)

    def _look(self) -> Seen:
        with self._stage(READ):
            seen = files.look(self._path)
            if seen.status is not None:
                seen = files.read(self._path, limit=DEFAULT_LIMITS.size)
        with self._stage(WRITE):
            files.check_replaceable(seen)  # before anything is typed
        return seen

    def _draft(self, seen: Seen) -> Draft:
        if seen.status is None:
            if self._given.has("show-master-keys"):
                raise UsageError("--show-master-keys is for existing files")
            metadata = self._metadata_for_new()
            return new_draft(metadata, self._format, self._context.gpg())
        self._refuse_for_existing()
        opened = open_bytes(
            seen.data or b"",
            self._format,
            self._context.keyring(),
            order=options.decryption_order(self._context, self._given),
            verify_mac=not self._given.has("ignore-mac"),
        )
        return draft_of(opened, with_metadata=self._given.has("show-master-keys"), indent=self._indent)

    def _metadata_for_new(self) -> Metadata:
        try:
            return self._configuration.metadata_for(self._path, self._format)
        except (ConfigError, NoMatchingRuleError) as error:
            if self._path.isalpha():  # `sopskit lint`
                error.hint = "to make a new file, name a recipient; if a command was meant: sopskit --help lists them"
            raise

    def _refuse_for_existing(self) -> None:
        """An existing file has its keys and rule; sops ignores these options then."""
        new_only = (*options.KEYS, *options.RULES, options.MAC_ONLY_ENCRYPTED, options.THRESHOLD)
        name = next((option.name for option in new_only if self._given.is_explicit(option.name)), None)
        if name is not None:
            raise UsageError(
                f"--{name} is for new files, and this one exists",
                hint="recipients change with rotate --add-age or updatekeys, the rule with edit --show-master-keys",
            )

    def _session(self) -> Session:
        environ = self._context.environ
        folders = [folder for folder in (environ.get("XDG_RUNTIME_DIR", ""), SHARED_MEMORY) if folder]
        anywhere = self._given.value("temporary-folder")
        keyboard = "stdin" in self._context.terminals
        return Session(folders, os.path.basename(self._path), anywhere=anywhere, keyboard=keyboard)

    def _edited(self, session: Session, draft: Draft) -> tuple[bytes, bytes]:
        """Run the editor until what it leaves can be sealed."""
        editor = find_editor(self._context.environ)
        text = draft.text
        while True:
            text = session.edit(text, editor, self._context.environ)
            if text == draft.text:
                raise UnchangedError("the file has not changed")
            try:
                return text, finish(draft, text, gpg=self._context.gpg(), now=datetime.now(UTC), indent=self._indent)
            except SopskitError as error:
                self._context.show_error(error.at(file=self._path))
                self._ask_again(draft, text)

    def _ask_again(self, draft: Draft, text: bytes) -> None:
        """Wait for Enter. At the end of input nobody is there to mend it (trap 11.81), and Ctrl+C says that nobody will.

        The edits are kept then, encrypted.
        """
        self._context.note("Press Enter to return to the editor, or Ctrl+C to stop and keep the edits, encrypted.")
        try:
            answered = bool(self._context.stdin.readline())
        except (Cancelled, KeyboardInterrupt):
            answered = False
        if not answered:
            raise EditorError(
                "what the editor left cannot be encrypted; the file is as it was", hint=self._rescue(draft, text)
            )

    def _save(self, seen: Seen, draft: Draft, text: bytes, sealed: bytes) -> int:
        try:
            replace(seen, sealed)
        except SopskitError as error:
            error.hint = self._rescue(draft, text)
            self._context.fail(error, exitcodes.code_for(error, "edit", WRITE))
        return exitcodes.OK

    def _rescue(self, draft: Draft, text: bytes) -> str:
        """Save the edits beside the file, encrypted for the same recipients; says where."""
        try:
            seen = self._free_place()
            replace(seen, rescue(text, draft, now=datetime.now(UTC)))
        except SopskitError as error:
            return f"the edits could not be kept either: {error}"
        return f"your edits are kept, encrypted, in {seen.path}; see them with: sopskit decrypt {seen.path}"

    def _free_place(self) -> Seen:
        """The first of FILE.edited, FILE.edited.1 and so on that is not there: earlier edits stay."""
        path = f"{self._path}{RESCUED}"
        numbered = (f"{path}.{number}" for number in count(1))
        return next(seen for seen in map(files.look, chain([path], numbered)) if seen.status is None)


VERB = Verb(
    name="edit",
    summary="Edit an encrypted file in your editor, or make a new one. The plaintext is kept in memory, and only what you "
    "change gets a new ciphertext.",
    arguments="FILE",
    keys="Needs a private key; a new file needs public keys only. With public keys alone, encrypt the whole file anew.",
    example="""
sopskit edit secrets.yaml
EDITOR='code --wait' sopskit edit secrets.yaml
""",
    options=(
        Option("show-master-keys", "show the recipients as well; changes to them take effect", short="s"),
        Option(
            "temporary-folder",
            "keep the plaintext here while it is edited, even on a disk",
            "DIR",
            env="SOPSKIT_TEMPORARY_FOLDER",
        ),
        *options.KEYS,
        *options.TYPES,
        *options.RULES,
        options.MAC_ONLY_ENCRYPTED,
        options.THRESHOLD,
        options.IGNORE_MAC,
        options.DECRYPTION_ORDER,
        options.INDENT,
        *options.ROOT,
    ),
    run=run,
)

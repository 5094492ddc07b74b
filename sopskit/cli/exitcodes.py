"""Exit codes: sops's own numbers where it has one (SOPS section 10.2).

sops numbers the stage at which something went wrong more than what went wrong: text that is not YAML is 2 when it
is to be encrypted and 1 when it is to be decrypted. So the code is looked up by command, stage and class.
"""

from __future__ import annotations

from sopskit import errors
from sopskit.workflow.outcome import CHANGE, READ
from sopskit.workflow.outcome import WRITE as WRITING

OK = 0
GENERAL = 1
READ_PLAIN = 2
WRITE = 3
INDEX = 7
EXCLUSIVE = 8
EXTRACT = 91
NO_FILE = 100
ORDER = 112
BUG = 70
INTERRUPTED = 130
BROKEN_PIPE = 141

CODES: dict[type[errors.SopskitError], int] = {
    errors.SopskitError: GENERAL,
    errors.FormatError: GENERAL,
    errors.DocumentSyntaxError: GENERAL,
    errors.LimitError: GENERAL,
    errors.MetadataError: GENERAL,
    errors.EncryptedValueError: 25,
    errors.ConfigError: GENERAL,
    errors.PathNotFoundError: GENERAL,
    errors.RecipientError: GENERAL,
    errors.IdentityError: 128,
    errors.HeaderError: 128,
    errors.ArmorError: 128,
    errors.StateError: GENERAL,
    errors.AlreadyEncryptedError: 203,
    errors.NotEncryptedError: GENERAL,
    errors.NoMatchingRuleError: GENERAL,
    errors.EmptyFileError: 92,
    errors.FileChangedError: WRITE,
    errors.UnchangedError: 200,
    errors.KeyAccessError: 128,
    errors.NoIdentityMatchError: 128,
    errors.DataKeyError: 128,
    errors.ForeignKeyError: GENERAL,
    errors.IntegrityError: GENERAL,
    errors.MacMismatchError: 51,
    errors.ValueTamperedError: 25,
    errors.HeaderMacError: 128,
    errors.PayloadError: 128,
    errors.ToolError: GENERAL,
    errors.GpgError: GENERAL,
    errors.GitError: GENERAL,
    errors.EditorError: 201,
    errors.CommandError: GENERAL,
    errors.BuildError: GENERAL,
    errors.FileAccessError: GENERAL,
    errors.RefusedError: GENERAL,
    errors.ClusterError: GENERAL,
    errors.UnreachableError: GENERAL,
    errors.RefusalError: GENERAL,
    errors.UsageError: GENERAL,
}

# what differs by command and stage; the first class that fits counts
_READ_MISSING = {"encrypt": NO_FILE, "decrypt": NO_FILE, "edit": NO_FILE, "rotate": 2, "set": 2, "unset": 2}
_READ_UNREADABLE = {"encrypt": 2, "decrypt": 2, "edit": 2, "rotate": 2, "set": 2, "unset": 2}
_WRAPPING = (errors.GpgError, errors.ForeignKeyError, errors.RecipientError)
_SYNTAX = (errors.DocumentSyntaxError, errors.LimitError)


def code_for(error: errors.SopskitError, command: str = "", stage: str = CHANGE) -> int:
    """The exit code of `error` at a stage of a command."""
    if isinstance(error, errors.FileAccessError):
        if stage == WRITING:
            return WRITE
        if stage == READ:
            missing = isinstance(error.__cause__, FileNotFoundError)
            return (_READ_MISSING if missing else _READ_UNREADABLE).get(command, GENERAL)
    if command == "edit" and isinstance(error, _WRAPPING):
        return 128
    if command == "encrypt":
        if isinstance(error, _SYNTAX):
            return READ_PLAIN
        if isinstance(error, errors.RefusedError) and stage == CHANGE:
            return 23
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)

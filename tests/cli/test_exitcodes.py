"""Every exception has an exit code, and sops's own numbers depend on the stage."""

from __future__ import annotations

import inspect

import pytest

from sopskit import errors
from sopskit.cli.exitcodes import CODES, code_for
from sopskit.workflow.outcome import CHANGE, READ, WRITE


def classes() -> list[type[errors.SopskitError]]:
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    return [kind for kind in found if issubclass(kind, errors.SopskitError)]


def test_every_exception_has_a_row_and_every_row_an_exception() -> None:
    assert set(classes()) == set(CODES)


def unreadable(cause: OSError) -> errors.FileAccessError:
    error = errors.FileAccessError("cannot be read")
    error.__cause__ = cause
    return error


MISSING = unreadable(FileNotFoundError())
FOLDER = unreadable(IsADirectoryError())
SYNTAX = errors.DocumentSyntaxError("bad")


@pytest.mark.parametrize(
    ("error", "command", "stage", "code"),
    [
        (SYNTAX, "encrypt", CHANGE, 2),
        (SYNTAX, "decrypt", CHANGE, 1),
        (SYNTAX, "edit", CHANGE, 1),
        (errors.LimitError("big"), "encrypt", CHANGE, 2),
        (MISSING, "encrypt", READ, 100),
        (MISSING, "decrypt", READ, 100),
        (MISSING, "rotate", READ, 2),
        (MISSING, "set", READ, 2),
        (MISSING, "updatekeys", READ, 1),
        (MISSING, "filestatus", READ, 1),
        (FOLDER, "encrypt", READ, 2),
        (FOLDER, "decrypt", READ, 2),
        (MISSING, "decrypt", WRITE, 3),
        (MISSING, "decrypt", CHANGE, 1),
        (errors.RefusedError("x"), "encrypt", CHANGE, 23),
        (errors.RefusedError("x"), "encrypt", WRITE, 1),
        (errors.RefusedError("x"), "decrypt", CHANGE, 1),
        (errors.GpgError("x"), "edit", CHANGE, 128),
        (errors.GpgError("x"), "encrypt", CHANGE, 1),
        (errors.MacMismatchError("x"), "decrypt", CHANGE, 51),
        (errors.ValueTamperedError("x"), "decrypt", CHANGE, 25),
        (errors.AlreadyEncryptedError("x"), "encrypt", CHANGE, 203),
        (errors.UnchangedError("x"), "edit", CHANGE, 200),
    ],
)
def test_the_code_depends_on_command_and_stage(error: errors.SopskitError, command: str, stage: str, code: int) -> None:
    assert code_for(error, command, stage) == code


def test_a_class_of_somebody_else_gets_the_code_of_its_base() -> None:
    class Special(errors.MacMismatchError):
        pass

    assert code_for(Special("x")) == 51

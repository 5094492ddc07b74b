"""The scan sees what it should: programs that leak on purpose are caught, one that does not is not."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.canary.canaries import Canary, Scanner, plant, token
from tests.canary.observing import Sinks, leaks_in_folders, leaks_in_git, observe, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import World

# each reads the secret from standard input as `value` and leaks it in its own way
MUTANTS = {
    "traceback": "raise ValueError(value)",
    "message": "sys.stderr.write(f'bad value {value!r}')",
    "base64 inside other base64": "sys.stderr.write(base64.b64encode(b'ab' + value.encode() + b'cd').decode())",
    "hex": "sys.stderr.write(value.encode().hex())",
    "JSON log": "open('log.json', 'w').write(json.dumps({'value': value}))",
    "argument of a child": "subprocess.run(['/bin/true', value])",
    "environment of a child": "subprocess.run(['/bin/true'], env={'VALUE': value})",
    "temporary file": "f = open('temporary', 'w'); f.write(value); f.close(); os.unlink('temporary')",
    "file that stays": "open('backup', 'w').write(value)",
    "name of a file": "os.mkdir(value); os.rmdir(value)",
    "digest": "sys.stderr.write(hashlib.sha256(value.encode()).hexdigest())",
    "first eight characters": "sys.stderr.write(value[:8] + '...')",
    "clipboard sequence": "sys.stderr.write('\\x1b]52;c;' + base64.b64encode(value.encode()).decode() + '\\x07')",
    "colours inside": "sys.stderr.write(''.join(f'\\x1b[31m{c}\\x1b[0m' for c in value))",
    "wrapped lines": "sys.stderr.write('\\n'.join(value[i:i+5] for i in range(0, len(value), 5)))",
    "packed log": "open('log.gz', 'wb').write(gzip.compress(value.encode()))",
    "backwards": "sys.stderr.write(value[::-1])",
    "standard output": "sys.stdout.write(value)",
    "pipe": "r, w = os.pipe(); os.write(w, value.encode())",
}
PROGRAM = "import base64, gzip, hashlib, json, os, subprocess, sys\nvalue = sys.stdin.read()\n"


def leaks_of(program: str, secret: Canary, world: World, strace: str) -> set[str]:
    """The places where a Python program leaks `secret`, which it reads from standard input."""
    folder = world.root / "work"
    folder.mkdir()
    scanner = Scanner([secret])
    seen = observe(
        strace,
        [sys.executable, "-I", "-c", PROGRAM + program],
        cwd=folder,
        environ={"PATH": os.environ["PATH"], "HOME": str(world.home)},
        trace=world.root / "trace",
        stdin=secret.data,
    )
    return {hit.place for hit in seen.leaks(scanner, Sinks()) | leaks_in_folders(scanner, [folder])}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_program_that_leaks_is_caught(mutant: str, world: World, tool: Callable[[str], str]) -> None:
    assert leaks_of(MUTANTS[mutant], Canary("string", token()), world, tool("strace"))


def test_a_program_that_keeps_its_secret_is_not_accused(world: World, tool: Callable[[str], str]) -> None:
    honest = (
        "print(len(value) > 3); open('out', 'wb').write(os.urandom(100_000)); subprocess.run(['/bin/true', 'x' * 50])"
    )
    assert leaks_of(honest, Canary("string", token()), world, tool("strace")) == set()


@pytest.mark.parametrize("slot", plant())
def test_every_kind_of_canary_is_found_in_a_message(slot: str) -> None:
    canary = plant()[slot]
    found = Scanner([canary]).scan(b"error: near " + canary.data + b" in line 3", "message")
    assert {hit.slot for hit in found} == {slot}


@pytest.mark.parametrize("slot", plant())
def test_every_kind_of_canary_is_found_in_a_yaml_string(slot: str) -> None:
    import yaml

    canary = plant()[slot]
    shown = yaml.safe_dump({"a": canary.text}, width=40, allow_unicode=True).encode()
    assert {hit.slot for hit in Scanner([canary]).scan(shown, "message")} == {slot}


def test_a_canary_does_not_show_itself_in_a_failing_test() -> None:
    canary = Canary("string", token())
    assert canary.text not in repr(canary)
    assert canary.text not in repr(Scanner([canary]).scan(canary.data, "message"))


def test_a_secret_in_an_unreachable_object_is_found(tmp_path: Path, tool: Callable[[str], str]) -> None:
    git, canary = tool("git"), Canary("string", token())
    subprocess.run([git, "init", "-q", tmp_path], check=True)
    subprocess.run(
        [git, "hash-object", "-w", "--stdin"], cwd=tmp_path, input=canary.data, check=True, capture_output=True
    )
    assert {hit.form for hit in leaks_in_git(Scanner([canary]), git, tmp_path)} >= {"plain"}


def test_paths_and_bytes_of_a_record_are_decoded() -> None:
    record = rb"""12 write(3</tmp/a\x20b>, "\x68\x69\x0a", 3) = 3
12 execve("\x2f\x62", ["\x61", "\x62"], ["\x43\x3d\x44"]) = 0
"""
    assert [tuple(event) for event in parse(record)] == [
        (12, "write", b"hi\n", 3, "/tmp/a b"),
        (12, "execve", b"/b\0a\0b\0C=D", None, ""),
    ]


def test_sinks_let_through_what_they_name_and_nothing_else(world: World, tool: Callable[[str], str]) -> None:
    canary = Canary("string", token())
    folder = world.root / "work"
    folder.mkdir()
    program = "sys.stdout.write(value); open('named', 'w').write(value); open('other', 'w').write(value)"
    seen = observe(
        tool("strace"),
        [sys.executable, "-I", "-c", PROGRAM + program],
        cwd=folder,
        environ={},
        trace=world.root / "trace",
        stdin=canary.data,
    )
    leaks = seen.leaks(Scanner([canary]), Sinks(stdout=True, paths=[str(folder / "named")]))
    assert {hit.place for hit in leaks} == {f"write to {folder / 'other'}"}

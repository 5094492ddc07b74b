"""sopskit called where sops was called: the same command lines, run with both in twin folders.

Exit code and effect must be equal: standard output byte for byte where sops's formatting is the user's own (a value,
dotenv, INI, binary), as parsed trees for YAML and JSON. Rows that differ on purpose say why.
"""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from tests.cli.running import Done, sopskit
from tests.conftest import read_age_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.conftest import AgeTestKey

PLAIN: dict[str, str] = {
    "p.yaml": "a: 1\nb:\n  c: x\n  d: [1, two, true]\ne_unencrypted: plain\ns: 1.5\nn: null\n",
    "two.yaml": "a: 1\n---\nb: x\n",
    "p.json": '{"a": 1, "b": {"c": "x", "d": [1, "two", true]}, "e_unencrypted": "plain", "s": 1.5}\n',
    "p.env": "A=1\n# note\nB=two words\n",
    "p.ini": "[one]\na = 1\nb = x\n\n[two]\nc = y\n",
    "p.txt": "any text\nat all\n",
    "p.bin": "\x00\x01binary",
    "bad.yaml": "a: [1\n",
    "bad.json": '{"a": 1',
    "empty.yaml": "",
    "value.json": '"from a file"',
    "sops.yaml": "sops: mine\n",
}
ENCRYPTED = ("p.yaml", "two.yaml", "p.json", "p.env", "p.ini", "p.txt", "p.bin")


class Row(NamedTuple):
    """One command line; `{A}`, `{B}` are recipients. `kept`: the files that must not change at all.

    `ours` is the exit code of sopskit where it differs on purpose, and `why` the reason.
    """

    line: str
    stdin: str = ""
    environ: tuple[tuple[str, str], ...] = ()
    ours: int | None = None
    why: str = ""
    output: str = "tree"


def row(line: str, **fields: Any) -> Row:
    return Row(line, **fields)


ROWS = [
    # --- decrypt
    *(
        row(f"decrypt e.{name}", output="bytes" if name in ("p.env", "p.txt", "p.bin") else "tree")
        for name in ENCRYPTED
    ),
    row("-d e.p.yaml"),
    row("--decrypt e.p.json"),
    row("-decrypt e.p.json"),
    row("decrypt e.p.yaml --output out.yaml"),
    row("decrypt --output=out.yaml e.p.yaml"),
    row("-d --output out.yaml e.p.yaml"),
    row("decrypt -i e.p.yaml"),
    row("-d -i e.p.json"),
    row("decrypt e.p.yaml -i"),
    row("decrypt -i --output x e.p.yaml"),
    row("decrypt --in-place=true e.p.yaml"),
    row("decrypt --in-place=false e.p.yaml"),
    *(
        row(f"decrypt --extract {path} {name}", output="bytes")
        for name in ("e.p.yaml", "e.p.json")
        for path in ("'[\"a\"]'", '\'["b"]["c"]\'', '\'["b"]["d"][1]\'', "'[\"s\"]'", '\'["b"]["d"]\'')
    ),
    row("decrypt --extract '[\"b\"]' e.p.yaml"),
    row("decrypt --extract '[\"b\"]' e.p.json"),
    row('-d --extract \'["b"]["c"]\' e.p.yaml', output="bytes"),
    row("decrypt --extract '[\"A\"]' e.p.env", output="bytes"),
    row('decrypt --extract \'["two"]["c"]\' e.p.ini', output="bytes"),
    row("decrypt --extract '[\"data\"]' e.p.txt", output="bytes"),
    row("decrypt --extract '[\"nosuch\"]' e.p.yaml"),
    row('decrypt --extract \'["b"]["d"][9]\' e.p.yaml'),
    row("decrypt --extract '[\"a\"' e.p.yaml"),
    row("decrypt --extract '[x]' e.p.yaml"),
    row("decrypt nosuch.yaml"),
    row("-d nosuch.yaml"),
    row("decrypt p.yaml"),
    row("decrypt p.json"),
    row("decrypt bad.yaml"),
    row("decrypt bad.json"),
    row("decrypt empty.yaml"),
    row("decrypt sops.yaml"),
    row("decrypt --input-type yaml --output-type yaml", stdin="e.p.yaml"),
    row("decrypt --input-type json --output-type json", stdin="e.p.json"),
    row("decrypt --filename-override x.yaml", stdin="e.p.yaml"),
    row("decrypt", stdin="e.p.txt", output="bytes"),
    row("decrypt -i", stdin="e.p.yaml"),
    row("decrypt --ignore-mac e.p.yaml"),
    row("decrypt --ignore-mac tampered.yaml"),
    row("decrypt tampered.yaml"),
    row("decrypt moved.yaml"),
    row("decrypt broken.yaml"),
    row("decrypt bob.yaml"),
    row("decrypt --decryption-order pgp,age e.p.yaml"),
    row("decrypt --decryption-order age,age e.p.yaml"),
    row("decrypt e.p.yaml", environ=(("SOPS_DECRYPTION_ORDER", "age"),)),
    row("decrypt --nosuch e.p.yaml"),
    row("decrypt --enable-local-keyservice e.p.yaml"),
    row("--config nosuch decrypt e.p.yaml"),
    row("--verbose -d e.p.yaml"),
    row("--disable-version-check decrypt e.p.yaml"),
    # --- encrypt
    *(row(f"encrypt --age {{A}} {name}") for name in ENCRYPTED),
    row("-e --age {A} p.yaml"),
    row("-e -a {A} p.json"),
    row("encrypt -age {A} p.yaml"),
    row("encrypt -a={A} p.yaml"),
    row("encrypt p.yaml --age={A}"),
    row("encrypt --age {A},{B} p.yaml"),
    row("encrypt p.yaml", environ=(("SOPS_AGE_RECIPIENTS", "{A}"),)),
    row("encrypt -i --age {A} p.yaml"),
    row("-e -i --age {A} p.env"),
    row("encrypt --age {A} --output out.json p.json"),
    row("encrypt --age {A} --output e.p.json p.json"),
    row("encrypt -i --output x --age {A} p.yaml"),
    row("encrypt --age {A} --encrypted-regex ^b$ p.yaml"),
    row("encrypt --age {A} --unencrypted-regex ^b$ p.yaml"),
    row("encrypt --age {A} --encrypted-suffix a p.yaml"),
    row("encrypt --age {A} --unencrypted-suffix a p.yaml"),
    row("encrypt --age {A} --encrypted-regex a --encrypted-suffix b p.yaml"),
    row("-e --age {A} --encrypted-comment-regex note p.env"),
    row("--mac-only-encrypted encrypt --age {A} p.yaml"),
    row("--indent 2 encrypt --age {A} p.json"),
    row("encrypt --age {A} --shamir-secret-sharing-threshold 1 p.yaml"),
    row("encrypt --age {A} e.p.yaml"),
    row("encrypt --age {A} -i e.p.yaml"),
    row("encrypt --age {A} sops.yaml"),
    row("encrypt --age {A} bad.yaml"),
    row("encrypt --age {A} -i bad.json"),
    row("encrypt --age {A} empty.yaml"),
    row("encrypt --age {A} nosuch.yaml"),
    row("-e --age {A} nosuch.yaml"),
    row("encrypt --age nonsense p.yaml"),
    row("encrypt --pgp FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF p.yaml"),
    row("encrypt p.yaml"),
    row("encrypt --age {A} --filename-override x.json", stdin="p.json"),
    row("encrypt --age {A}", stdin="p.json"),
    row("encrypt --age {A} --filename-override x.json -i", stdin="p.json"),
    row("encrypt --age {A} --input-type json --output-type json p.txt"),
    row("encrypt --age {A} --input-type binary --output-type binary p.yaml --filename-override p.bin"),
    row("--config rules.yaml encrypt p.yaml"),
    row("encrypt p.yaml", environ=(("SOPS_CONFIG", "rules.yaml"),)),
    row("--config rules.yaml encrypt p.json"),
    row("--config rules.yaml encrypt --age {B} p.yaml"),
    row("--config rules.yaml encrypt --encrypted-suffix x p.yaml"),
    row("--config rules.yaml encrypt --filename-override p.yaml p.txt"),
    row("--config broken-rules.yaml encrypt p.yaml"),
    row("--config shamir.yaml encrypt p.yaml"),
    # --- rotate
    row("rotate e.p.yaml"),
    row("rotate -i e.p.yaml"),
    row("-r -i e.p.json"),
    row("rotate --output out.env e.p.env"),
    row("rotate -i --add-age {B} e.p.yaml"),
    row("rotate -i --add-age {B} --rm-age {A} e.p.yaml"),
    row("rotate -i --rm-age {A} e.p.yaml"),
    row("rotate -i --rm-age {B} e.p.yaml"),
    row("-r -i --add-age {B} e.p.yaml"),
    row("rotate -i --output x e.p.yaml"),
    row("rotate -i nosuch.yaml"),
    row("rotate -i p.yaml"),
    row("rotate -i tampered.yaml"),
    row("rotate -i bob.yaml"),
    row("rotate"),
    # --- set, unset
    row("set e.p.yaml '[\"a\"]' '\"new\"'"),
    row('set e.p.json \'["b"]["c"]\' \'"new"\''),
    row("set e.p.yaml '[\"b\"][\"new\"]' 'true'"),
    row('set e.p.yaml \'["x"]["y"]\' \'"deep"\''),
    row("set e.p.yaml '[\"b\"]' '{{\"k\": 1}}'"),
    row('set e.p.yaml \'["b"]["d"][0]\' \'"first"\''),
    row('set e.p.yaml \'["b"]["d"][9]\' \'"last"\''),
    row("set e.p.yaml '[\"n\"]' null"),
    row("set e.p.env '[\"A\"]' '\"new\"'"),
    row('set e.p.ini \'["one"]["a"]\' \'"new"\''),
    row("set --value-file e.p.yaml '[\"a\"]' value.json"),
    row("set --value-file e.p.yaml '[\"a\"]' nosuch"),
    row("set --value-stdin e.p.yaml '[\"a\"]'", stdin="value.json"),
    row("set --value-stdin --value-file e.p.yaml '[\"a\"]' x"),
    row('set --idempotent e.p.yaml \'["b"]["c"]\' \'"x"\''),
    row('set --idempotent e.p.yaml \'["b"]["c"]\' \'"y"\''),
    row('--set \'["b"]["c"] "new"\' e.p.yaml'),
    row('--set \'["b"]["c"] not json\' e.p.yaml'),
    row("set e.p.yaml '[\"a\"]' notjson"),
    row("set e.p.yaml '[\"a\"' 1"),
    row("set e.p.yaml '[\"a\"]'"),
    row("set e.p.yaml"),
    row("set"),
    row("set nosuch.yaml '[\"a\"]' 1"),
    row("set p.yaml '[\"a\"]' 1"),
    row("set e.p.yaml '[\"sops\"]' 1"),
    row("set e.p.yaml '[\"a\"]' -5"),
    row("unset e.p.yaml '[\"a\"]'"),
    row('unset e.p.json \'["b"]["c"]\''),
    row('unset e.p.yaml \'["b"]["d"][0]\''),
    row("unset e.p.yaml '[\"nosuch\"]'"),
    row('unset e.p.yaml \'["b"]["d"][9]\''),
    row("unset --idempotent e.p.yaml '[\"nosuch\"]'"),
    row("unset e.p.yaml '[\"a\"'"),
    row("unset e.p.yaml"),
    row("unset nosuch.yaml '[\"a\"]'"),
    # --- updatekeys
    row("--config rules.yaml updatekeys -y e.p.yaml"),
    row("--config both.yaml updatekeys -y e.p.yaml"),
    row("--config both.yaml updatekeys -y e.p.yaml e.p.json"),
    row("--config both.yaml updatekeys e.p.yaml", stdin="yes"),
    row("--config both.yaml updatekeys e.p.yaml", stdin="no"),
    row("--config both.yaml updatekeys e.p.yaml"),
    row("--config both.yaml updatekeys -y nosuch.yaml"),
    row("--config both.yaml updatekeys -y bob.yaml"),
    row("--config both.yaml updatekeys -y p.yaml"),
    row("--config rules.yaml updatekeys -y e.p.json"),
    row("updatekeys -y e.p.yaml"),
    # --- filestatus
    *(row(f"filestatus {name}", output="bytes") for name in ("e.p.yaml", "p.yaml", "e.p.json", "p.json", "e.p.env")),
    row("filestatus p.env", output="bytes"),
    row("filestatus e.p.ini", output="bytes"),
    row("filestatus p.ini", output="bytes"),
    row("filestatus e.p.txt", output="bytes"),
    row("filestatus p.txt", output="bytes"),
    row("filestatus bad.yaml", output="bytes"),
    row("filestatus nosuch.yaml", output="bytes"),
    row("filestatus --input-type json e.p.json", output="bytes"),
    # --- edit
    row("edit e.p.yaml", environ=(("EDITOR", "sed -i s/x/y/"),)),
    row("edit e.p.yaml", environ=(("SOPS_EDITOR", "sed -i s/x/y/"), ("EDITOR", "false"))),
    row("edit e.p.env", environ=(("EDITOR", "sed -i s/two/2/"),)),
    row("e.p.json", environ=(("EDITOR", "sed -i s/x/y/"),)),
    row("edit e.p.yaml", environ=(("EDITOR", "true"),)),
    row("e.p.yaml", environ=(("EDITOR", "true"),)),
    row("edit e.p.yaml", environ=(("EDITOR", "false"),)),
    row("edit e.p.yaml", environ=(("EDITOR", "no-such-editor"),)),
    row("edit e.p.yaml", environ=(("EDITOR", "sed 'x"),)),
    row("edit p.yaml", environ=(("EDITOR", "true"),)),
    row("edit bob.yaml", environ=(("EDITOR", "true"),)),
    row("edit tampered.yaml", environ=(("EDITOR", "true"),)),
    row("edit --ignore-mac tampered.yaml", environ=(("EDITOR", "sed -i s/x/y/"),)),
    *(
        row(f"edit --age {{A}} new.{kind}", environ=(("EDITOR", "sed -i s/Welcome/Hello/"),))
        for kind in ("yaml", "json", "env", "ini", "txt")
    ),
    row("edit --age {A} new.yaml", environ=(("EDITOR", "true"),)),
    row("edit new.yaml", environ=(("EDITOR", "true"),)),
    # --- no command
    row(""),
    row("--nosuch"),
    row("nosuch.yaml"),
    # --- differences on purpose
    row("decrypt -i --extract '[\"a\"]' e.p.yaml", ours=8, why="11.68: the file would be replaced by one value"),
    row("-d e.p.yaml -i", ours=1, why="11.56: sops prints the plaintext and ignores -i"),
    row("decrypt e.p.yaml e.p.json", ours=1, why="11.75: sops ignores the second file"),
    row("encrypt --age {A} p.yaml p.json", ours=1, why="11.75: sops ignores the second file"),
    row("filestatus p.yaml p.json", ours=1, why="11.75: sops ignores the second file"),
    row("encrypt --input-type yml --age {A} p.txt", ours=1, why="11.57: sops ignores an unknown type"),
    row("encrypt --age {A} --output-type json p.yaml", ours=1, why="conversion is not supported yet"),
    row("decrypt --output-type json e.p.yaml", ours=1, why="conversion is not supported yet"),
    row("decrypt --input-type yaml", stdin="e.p.yaml", ours=0, why="11.63: one type is enough"),
    row("--show-master-keys decrypt e.p.yaml", ours=1, why="11.76: sops ignores it"),
    row("set e.p.yaml '[\"b\"][\"d\"]' '[1]'", ours=0, why="11.55: lists are values"),
    row("encrypt --encryption-context a:b --age {A} p.yaml", ours=1, why="sops ignores it without a KMS key"),
    row("encrypt --aws-profile x --age {A} p.yaml", ours=1, why="sops ignores it without a KMS key"),
    row("decrypt e.p.yaml", environ=(("SOPS_KEYSERVICE", "tcp://127.0.0.1:1"),), ours=1, why="no key services"),
    row(
        "edit -s e.p.txt", environ=(("EDITOR", "sed -i s/any/some/"),), ours=1, why="11.69: nothing of it would be kept"
    ),
    row("encrypt --age {A} --shamir-secret-sharing-threshold x p.yaml", why="a usage error in both"),
]


# --- running both


CONFIGURATIONS = {
    "rules.yaml": "creation_rules:\n  - path_regex: \\.yaml$\n    age: {A}\n    encrypted_regex: ^b$\n",
    "both.yaml": "creation_rules:\n  - age: {A},{B}\n",
    "shamir.yaml": "creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n"
    "      - age: [{A}]\n      - age: [{B}]\n      - age: [{A}, {B}]\n",
    "broken-rules.yaml": "creation_rules: [\n",
}


@pytest.fixture(scope="module")
def sops(tool: Callable[[str], str]) -> str:
    return tool("sops")


@pytest.fixture(scope="module")
def model(sops: str, tmp_path_factory: pytest.TempPathFactory, alice: AgeTestKey, bob: AgeTestKey) -> Path:
    """The folder that every row starts from: plaintext files, and the same encrypted by sops with a prefix `e.`."""
    folder = tmp_path_factory.mktemp("model")
    for name, text in PLAIN.items():
        (folder / name).write_text(text)

    def encrypt(name: str, target: str, recipient: str) -> None:
        environ = {"SOPS_DISABLE_VERSION_CHECK": "1", "HOME": str(folder)}
        command = [sops, "encrypt", "--age", recipient, "--output", target, name]
        subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)

    for name in ENCRYPTED:
        encrypt(name, f"e.{name}", alice.recipient)
    encrypt("p.yaml", "bob.yaml", bob.recipient)
    text = (folder / "e.p.yaml").read_text()
    (folder / "tampered.yaml").write_text(text.replace("plain", "changed"))
    (folder / "moved.yaml").write_text(text.replace("\ns: ", "\nmoved: "))
    (folder / "broken.yaml").write_text(text.replace("a: ENC[", "a: ENX["))
    for name, text in CONFIGURATIONS.items():
        (folder / name).write_text(text.replace("{A}", alice.recipient).replace("{B}", bob.recipient))
    return folder


def run_sops(sops: str, folder: Path, words: list[str], stdin: bytes, environ: Mapping[str, str]) -> Done:
    done = subprocess.run(
        [sops, *words],
        cwd=folder,
        input=stdin,
        env={**os.environ, **environ},
        capture_output=True,
        timeout=20,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def is_encrypted(data: bytes) -> bool:
    return b"lastmodified" in data and b"ENC[AES256_GCM" in data


def kind_of(name: str, data: bytes) -> str:
    """The format of a file; of standard output, where a value has no name, by its first bytes."""
    suffix = name.rpartition(".")[2]
    return suffix if suffix in ("yaml", "json", "env", "ini") else "bin"


def tree(kind: str, data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    if kind == "yaml":
        return list(yaml.safe_load_all(text))
    if kind == "json":
        return json.loads(text)
    if kind == "ini":
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(text)
        return {name: dict(parser[name]) for name in parser}
    return data


def metadata(kind: str, data: bytes) -> object:
    """What is in the `sops` block, without what differs from run to run."""
    if kind == "yaml":
        block: Any = next(iter(yaml.safe_load_all(data)))["sops"]
    elif kind in ("json", "bin"):
        block = json.loads(data)["sops"]
    elif kind == "ini":
        parser = configparser.RawConfigParser()
        parser.read_string(data.decode())
        block = dict(parser["sops"])
    else:
        lines = [line for line in data.decode().splitlines() if line.startswith("sops_")]
        block = dict(line.split("=", 1) for line in lines)
    return without_varying(block)


def without_varying(block: object) -> object:
    if isinstance(block, dict):
        varying = ("enc", "lastmodified", "mac", "created_at", "version")
        return {k: without_varying(v) for k, v in block.items() if not k.endswith(varying)}
    return [without_varying(entry) for entry in block] if isinstance(block, list) else block


def opened(sops: str, kind: str, data: bytes, folder: Path, *, by_sops: bool) -> object:
    """The plaintext tree of an encrypted file: each program opens what the other wrote."""
    identity = read_age_key("bob").identity
    path = folder / f"to-open.{kind}"
    path.write_bytes(data)
    if by_sops:
        done = run_sops(sops, folder, ["decrypt", path.name], b"", {"SOPS_AGE_KEY": identity})
    else:
        done = sopskit("decrypt", path, environ={"SOPS_AGE_KEY": identity})
    assert done.code == 0, done.err
    path.unlink()
    return tree(kind, done.out)


def effect(sops: str, before: Path, after: Path, scratch: Path, *, by_sops: bool) -> dict[str, object]:
    """What became of the folder: every file that is new, gone or changed, with its meaning."""
    effects: dict[str, object] = {}
    names = {path.name for path in before.iterdir()} | {path.name for path in after.iterdir()}
    for name in sorted(names):
        old = (before / name).read_bytes() if (before / name).exists() else None
        new = (after / name).read_bytes() if (after / name).exists() else None
        if old != new:
            effects[name] = None if new is None else meaning(sops, name, new, scratch, by_sops=by_sops)
    return effects


def meaning(sops: str, name: str, data: bytes, scratch: Path, *, by_sops: bool) -> object:
    kind = kind_of(name, data)
    if is_encrypted(data):
        return metadata(kind, data), opened(sops, kind, data, scratch, by_sops=by_sops)
    return tree(kind, data)


def output_kind(line: str) -> str:
    """The format that standard output is in: that of the file named last, or by `--filename-override`."""
    for word in reversed(line.replace("=", " ").split()):
        suffix = word.rpartition(".")[2]
        if suffix in ("yaml", "json", "env", "ini", "txt", "bin") and not word.startswith(("rules", "both", "shamir")):
            return suffix if suffix not in ("txt", "bin") else "bin"
    return "json" if "json" in line else "yaml"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.line} {' '.join(map('='.join, row.environ))}".strip())
def test_called_like_sops(
    row: Row, sops: str, model: Path, folder: Path, alice: AgeTestKey, bob: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    def filled(text: str) -> str:
        return text.replace("{A}", alice.recipient).replace("{B}", bob.recipient).replace("{{", "{").replace("}}", "}")

    words = shlex.split(filled(row.line))
    environ = {name: filled(value) for name, value in row.environ}
    answers = {"yes": b"y\n", "no": b"n\n", "": b""}
    stdin = answers[row.stdin] if row.stdin in answers else (model / row.stdin).read_bytes()
    theirs_folder, ours_folder, scratch = folder / "theirs", folder / "ours", folder / "scratch"
    for twin in (theirs_folder, ours_folder, scratch):
        shutil.copytree(model, twin)
    theirs = run_sops(sops, theirs_folder, words, stdin, environ)
    monkeypatch.chdir(ours_folder)
    ours = sopskit(*words, stdin=stdin, environ=environ)
    if row.ours is not None:
        assert (ours.code, theirs.code != row.ours) == (row.ours, True), (theirs, ours)
        return
    assert ours.code == theirs.code, (theirs, ours)
    assert effect(sops, model, ours_folder, scratch, by_sops=True) == effect(
        sops, model, theirs_folder, scratch, by_sops=False
    )
    if theirs.code == 0 and row.output == "bytes":
        assert ours.out == theirs.out
    elif theirs.code == 0 and theirs.out and not row.line.endswith("updatekeys") and "updatekeys" not in row.line:
        name = f"out.{output_kind(row.line)}"
        assert meaning(sops, name, ours.out, scratch, by_sops=True) == meaning(
            sops, name, theirs.out, scratch, by_sops=False
        )
    else:
        assert bool(ours.out) == bool(theirs.out and theirs.code == 0) or "updatekeys" in row.line

"""SOPS files inside of Secrets are opened, and what no cluster should see is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml

from sopskit.deploy.finishing import finish
from sopskit.deploy.opening import SourceOpener
from sopskit.errors import BuildError, DataKeyError, LimitError, MacMismatchError, RefusedError, SopskitError
from sopskit.sops.masterkeys import FixedKeyring
from tests.deploy.conftest import Tree

HEAD = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: one\n"
TOKEN = "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]"
KEEP = "  annotations:\n    kustomize.toolkit.fluxcd.io/decrypt: Disabled\n"


def finished(stream: str, opener: SourceOpener) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(finish(stream.encode(), opener, "there").stream))


def encoded(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


FILES = {
    "yaml": ("key: canary # note\n", ".yaml"),
    "json": ('{\n\t"key": "canary"\n}\n', ".json"),
    "dotenv": ("KEY=canary\n", ".env"),
    "ini": ("[a]\nkey = canary\n", ".ini"),
    "binary": ("canary\n", ".pem"),
    "odd": ("\t\"'\\ é \u2028 \x7f \ufeff \U0001f600 canary\n", ".txt"),
}


@pytest.mark.parametrize("format", sorted(FILES))
@pytest.mark.parametrize("field", ["data", "stringData"])
@pytest.mark.parametrize("style", ["plain", "block", "quoted"])
def test_a_sops_file_in_a_secret_is_opened(
    tree: Tree, opener: SourceOpener, format: str, field: str, style: str
) -> None:
    text, suffix = FILES[format]
    sealed = tree.encrypted(f"a{suffix}", text).read_text()
    value = encoded(sealed) if field == "data" else sealed
    spelled = json.dumps(value)
    if style == "block":
        lines = (
            [value[start : start + 76] for start in range(0, len(value), 76)] if field == "data" else value.split("\n")
        )
        spelled = "|\n" + "\n".join(f"    {line}" for line in lines)
    elif style == "plain" and field == "data":
        spelled = value
    stream = f"{HEAD}{field}:\n  a{suffix}: {spelled}\n  other: eA==\ntype: Opaque\n---\nkind: X\n"
    secret, other = finished(stream, opener)
    plain = encoded(text) if field == "data" else text
    if style == "block" and field == "stringData":
        plain = plain.rstrip("\n") + "\n"
    assert (secret[field], other) == ({f"a{suffix}": plain, "other": "eA=="}, {"kind": "X"})


def test_what_was_opened_counts_as_a_secret(tree: Tree, opener: SourceOpener) -> None:
    sealed = tree.encrypted("a.pem", "canary\n").read_bytes()
    result = finish(f"{HEAD}data: {{a: {encoded(sealed)}}}\n".encode(), opener, "there")
    assert result.secrets == {"canary\n", encoded("canary\n")}
    assert "canary" not in repr(result)


@pytest.mark.parametrize(
    ("name", "suffix", "text", "given"),
    [
        ("plain", ".yaml", "a: 1\n", "a: 1\n"),
        ("plain", ".yaml", "data: canary\n", "canary"),
        ("a.yaml", ".json", '{"a": 1}', '{\n\t"a": 1\n}\n'),
        (".dockerconfigjson", ".yaml", "auths:\n  host: {auth: x}\n", '{\n\t"auths": {\n\t\t"host": {\n\t\t\t"auth": "x"\n\t\t}\n\t}\n}\n'),
        (".dockerconfigjson", ".json", '{"auths": {}}', '{\n\t"auths": {}\n}\n'),
        ("a.json", ".txt", "canary", '{\n\t"data": "canary"\n}\n'),
        ("a.yaml", ".txt", "a: 1\n", "a: 1\n"),
    ],
)  # fmt: skip
def test_the_name_of_the_entry_tells_the_format(
    tree: Tree, opener: SourceOpener, name: str, suffix: str, text: str, given: str
) -> None:
    sealed = tree.encrypted(f"x{suffix}", text).read_bytes()
    (secret,) = finished(f"{HEAD}data: {{{name}: {encoded(sealed)}}}\n", opener)
    assert base64.b64decode(secret["data"][name]).decode() == given


def test_formats_that_cannot_be_converted_are_refused(tree: Tree, opener: SourceOpener) -> None:
    sealed = tree.encrypted("x.yaml", "a: canary\n").read_bytes()
    with pytest.raises(BuildError) as caught:
        finished(f"{HEAD}data: {{a.ini: {encoded(sealed)}}}\n", opener)
    assert str(caught.value) == (
        'there: ["data"]["a.ini"]: Secret one: the value is a SOPS file in the format yaml, which cannot be given as ini'
    )


def test_its_own_mac_is_checked(tree: Tree, opener: SourceOpener) -> None:
    sealed = tree.encrypted("x.yaml", "a_unencrypted: 1\nb: canary\n").read_text().replace(": 1", ": 2")
    for stream in (
        f"{HEAD}data: {{a.yaml: {encoded(sealed)}}}\n",
        f"{HEAD}stringData: {{a.yaml: {json.dumps(sealed)}}}\n",
    ):
        with pytest.raises(MacMismatchError, match="Secret one: "):
            finished(stream, opener)


def test_behind_an_alias_it_is_refused(tree: Tree, opener: SourceOpener) -> None:
    sealed = tree.encrypted("x.pem", "canary").read_bytes()
    for stream in (
        f"{HEAD}data: &data {{a: {encoded(sealed)}, b: eA==}}\n---\n{HEAD}data: {{a: eA==}}\n",
        f"{HEAD}data: {{a: &x {encoded(sealed)}}}\n",
    ):
        assert finished(stream, opener)[0]["data"]["a"] == encoded("canary")
    with pytest.raises(BuildError, match="behind a YAML alias"):
        finished(f"{HEAD}x-data: &data {{a: {encoded(sealed)}, b: eA==}}\ndata: *data\n", opener)


def test_without_a_key_it_is_an_error(tree: Tree) -> None:
    sealed = tree.encrypted("x.yaml", "b: canary\n").read_text()
    with pytest.raises(DataKeyError, match="Secret one: "):
        finished(f"{HEAD}data: {{a.yaml: {encoded(sealed)}}}\n", SourceOpener(FixedKeyring()))


def test_its_size_is_limited(tree: Tree, keyring: FixedKeyring) -> None:
    sealed = tree.encrypted("x.yaml", "b: canary\n").read_text()
    with pytest.raises(LimitError):
        finished(f"{HEAD}data: {{a.yaml: {encoded(sealed)}}}\n", SourceOpener(keyring, 100))


REFUSED = {
    "a token": (f"kind: A\nspec: [{{a: '{TOKEN}'}}]\n", BuildError, '["spec"][0]["a"]: an encrypted value is left'),
    "a token in a text": (f"kind: A\nspec: {{a: 'x {TOKEN}'}}\n", BuildError, "an encrypted value is left"),
    "a token in data": (f"{HEAD}data: {{a: '{TOKEN}'}}\n", BuildError, '["data"]["a"]: an encrypted value is left'),
    "a token in base64": (f"{HEAD}data: {{a: {encoded(TOKEN + ' sops')}}}\n", BuildError, "encrypted that is no SOPS file"),
    "metadata": ("kind: A\nsops:\n  mac: x\n", BuildError, "there: metadata of SOPS is left"),
    "metadata in a later document": ("kind: A\n---\nkind: B\nsops: {mac: x}\n", BuildError, "metadata of SOPS is left"),
    "metadata in one line": ("{kind: A, sops: {mac: x}}\n", BuildError, "metadata of SOPS is left"),
    "a token beside one that may stay": (
        (f"apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  apiVersion: v1\n  metadata: {{name: a, annotations: {{kustomize.toolkit.fluxcd.io/decrypt: disabled}}}}\n"
        f"  data: {{a: '{TOKEN}'}}\n- kind: Secret\n  apiVersion: v1\n  metadata: {{name: b}}\n  data: {{a: '{TOKEN}'}}\n"),
        BuildError, '["items"][1]["data"]["a"]: an encrypted value is left',
    ),
    "metadata in a list": (
        "apiVersion: v1\nkind: List\nitems:\n- {kind: A, apiVersion: v1, metadata: {name: b}, sops: {mac: x}}\n", BuildError, "A b: metadata of SOPS is left"
    ),
    "a number": (f"{HEAD}stringData: {{a: 1}}\n", RefusedError, '["stringData"]["a"]: Secret one: an entry of a Secret must be a string, and this one reads as int'),
    "a truth value": (f"{HEAD}data: {{a: true}}\n", RefusedError, "reads as bool"),
    "no base64": (f"{HEAD}data: {{a: canary}}\n", RefusedError, "must be base64"),
    "a hostile name": (f"{HEAD}data: {{a: canary}}\n".replace("one", '"\\e[1m"'), RefusedError, "Secret \\x1b[1m: "),
    "no YAML": ("a: [\n", BuildError, "what was built cannot be read: "),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_cluster_should_see_is_refused(opener: SourceOpener, case: str) -> None:
    stream, error, message = REFUSED[case]
    with pytest.raises(error) as caught:
        finished(stream, opener)
    assert message in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "ENC[" not in str(caught.value)


def test_an_object_whose_name_was_encrypted_is_not_named(opener: SourceOpener) -> None:
    with pytest.raises(SopskitError, match=": a Secret: an entry"):
        finish(f"{HEAD}data: {{a: x}}\n".encode(), opener, "there", frozenset(("one",)))


@pytest.mark.parametrize(
    "stream",
    [
        f"{HEAD}data: {{a: eA==, b: , c: ''}}\nstringData: {{a: sops, b: ''}}\n",
        f"{HEAD}{KEEP}data:\n  a: {TOKEN}\nsops:\n  mac: {TOKEN}\n",
        f"# about sops\nkind: A\n---\n# again\n{HEAD}{KEEP}data:\n  a: {TOKEN}\nsops:\n  mac: {TOKEN}\n---\nkind: B\n",
        f"kind: A # {TOKEN}\ntext: |\n  sops:\n    mac\n",
        "kind: SopsProvider\nspec: {sops: {a: b}}\n",
        "",
        "# nothing\n",
    ],
)
def test_everything_else_stays_as_it_is(opener: SourceOpener, stream: str) -> None:
    assert finish(stream.encode(), opener, "there").stream.decode() == stream


def test_a_neighbour_of_one_that_stays_encrypted_is_not_excused(opener: SourceOpener) -> None:
    kept = f"{HEAD}{KEEP}sops:\n  mac: {TOKEN}\n"
    for stream in (f"{kept}---\nkind: A\nsops:\n  mac: x\n", f"kind: A\nsops:\n  mac: x\n---\n{kept}"):
        with pytest.raises(BuildError, match="metadata of SOPS is left"):
            finished(stream, opener)

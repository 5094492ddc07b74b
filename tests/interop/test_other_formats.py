"""INI, JSON and dotenv where they are odd: the released sops reads what we write in place, and reads text as we do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from sopskit.document import Leaf, format_for_name, parse
from sopskit.errors import DocumentSyntaxError, RefusedError
from tests.document.ini.texts import texts

if TYPE_CHECKING:
    from tests.interop.conftest import Ours, Released

# every example starts three processes of the released sops
INTEROP = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

Tree = list[tuple[str, list[tuple[str, str]]]]


def ini_tree(released: Released, encrypted: bytes) -> list[tuple[str, str, str]]:
    """Section, key and value of every leaf, as sops decrypts them; sections may repeat."""
    sections: Tree = json.loads(
        released.decrypt(encrypted, "ini", "--output-type", "json"), object_pairs_hook=lambda pairs: pairs
    )
    return [(section, key, value) for section, items in sections for key, value in items]


def ini_leaves(source: bytes) -> list[tuple[object, object, str]]:
    items = parse(source, format_for_name("ini")).items
    return [(item.parent.key, item.key, item.value) for item in items if isinstance(item, Leaf)]


@INTEROP
@given(text=texts())
def test_ini_text_is_read_as_sops_reads_it_and_sops_reads_what_we_sealed(
    released: Released, ours: Ours, text: str
) -> None:
    source = text.encode()
    theirs = released.encrypt(source, "ini")
    assert ini_leaves(source) == ini_tree(released, theirs)
    try:
        sealed = ours.encrypt(source, "ini")
    except RefusedError:
        return
    assert ini_tree(released, sealed) == ini_tree(released, theirs)
    assert ours.decrypt(sealed, "ini") == source


COMMENTED = b"""\
# above top
top = 1
; about s
;   and more
[s] ; behind
  # above k

; and below
k = "v" # behind k
l = w;behind l
m = \"\"\"x
y\"\"\" ; behind m
"""


def test_sops_decrypts_our_comments_as_its_own(released: Released, ours: Ours) -> None:
    assert released.decrypt(ours.encrypt(COMMENTED, "ini"), "ini") == released.decrypt(
        released.encrypt(COMMENTED, "ini"), "ini"
    )


def test_sops_reads_a_comment_that_it_would_crash_on(released: Released, ours: Ours) -> None:
    assert released.decrypt(ours.encrypt(b"#\n# c\nk = v\n", "ini"), "ini") == b"# \n# c\nk = v\n"


def test_sops_reads_a_file_whose_last_comment_it_forgets(released: Released, ours: Ours) -> None:
    encrypted = ours.encrypt(b"k = v\n; hunter2\n", "ini")
    assert b"hunter2" not in encrypted
    assert released.decrypt(encrypted, "ini") == b"k = v\n"
    assert ours.decrypt(encrypted, "ini") == b"k = v\n; hunter2\n"


def test_a_file_that_sops_rotated_opens_with_its_comments(released: Released, ours: Ours) -> None:
    path = released.folder / "own.ini"
    path.write_bytes(ours.encrypt(COMMENTED, "ini"))
    assert released.run("rotate", "-i", path.name).returncode == 0
    assert ini_leaves(ours.decrypt(path.read_bytes(), "ini")) == ini_leaves(COMMENTED)
    assert b"behind m" in ours.decrypt(path.read_bytes(), "ini")


@pytest.mark.parametrize(
    "source",
    [
        b'k = """a\nb"""\\\nc"""\n',
        b"k = a # b\\\n c ; d\n",
        b'k = "a#b"\n',
        b"k = `a` and `b`\n",
        b"[a] ; b]\nk = v\n",
        b"k = a\\\n\nl = b\n",
        b'"a" ignored = x\n',
        b"k = \xc2\xa0v\xe3\x80\x80\n",
        b"k = \x1cv\n",
        b"\xef\xbb\xbfk = v\n",
    ],
)
def test_odd_ini_text_is_read_as_sops_reads_it(released: Released, source: bytes) -> None:
    assert ini_leaves(source) == ini_tree(released, released.encrypt(source, "ini"))


@pytest.mark.parametrize("source", [b"k = `a\\`\n", b"k = '\"ab\"'\n", b"- = x\n", b"`#k` = x\n"])
def test_what_we_refuse_to_seal_sops_damages(released: Released, ours: Ours, source: bytes) -> None:
    with pytest.raises(RefusedError):
        ours.encrypt(source, "ini")
    encrypted = released.encrypt(source, "ini")
    (released.folder / "e.ini").write_bytes(encrypted)
    result = released.run("decrypt", "e.ini")
    assert result.returncode != 0 or ini_leaves(result.stdout) != ini_leaves(source)


ESCAPED = rb"""{
  "python": "\u00e9\ud83d\ude00<",
  "go": "\u003ca\u003e\u0026",
  "php": "\u00e9\/\/",
  "plain": "<\u0001\"\\>",
  "empty": "", "number": 1.50, "clear_unencrypted": "\u003c\/"
}
"""


def test_sops_reads_json_whose_escapes_are_kept(released: Released, ours: Ours) -> None:
    encrypted = ours.encrypt(ESCAPED, "json")
    assert ours.decrypt(encrypted, "json") == ESCAPED
    assert released.decrypt_to_tree(encrypted, "json") == json.loads(ESCAPED)


@pytest.mark.parametrize("source", [b"{}", b"{ }\n", b'{"a":1}', b'{\r\n  "a": [1, "x", {}]\r\n}'])
def test_sops_reads_json_of_any_layout(released: Released, ours: Ours, source: bytes) -> None:
    encrypted = ours.encrypt(source, "json")
    assert released.decrypt_to_tree(encrypted, "json") == json.loads(source)
    assert ours.decrypt(encrypted, "json") == source


@pytest.mark.parametrize(
    "source",
    [b"", b"A=1", b"#c\n\nA=x\\ny\n = \nB=\xff\n\n", b"A=1\r\n#c\r\nB=2\r\n", b'A="x y" # no comment\nexport B=1'],
)
def test_dotenv_goes_both_ways_whatever_is_in_it(released: Released, ours: Ours, source: bytes) -> None:
    encrypted = ours.encrypt(source, "dotenv")
    assert ours.decrypt(encrypted, "dotenv") == source
    # sops drops blank lines and writes the last line feed
    lines = [line for line in source.split(b"\n") if line]
    assert released.decrypt(encrypted, "dotenv") == b"".join(line + b"\n" for line in lines)


def test_a_dotenv_file_checked_out_with_crlf_is_read_by_us_only(released: Released, ours: Ours) -> None:
    encrypted = ours.encrypt(b"A=1\nx_unencrypted=2\n", "dotenv").replace(b"\n", b"\r\n")
    assert not released.reads(encrypted, "dotenv")
    assert ours.decrypt(encrypted, "dotenv") == b"A=1\nx_unencrypted=2\n"


def test_an_ini_file_checked_out_with_crlf_is_read_by_both(released: Released, ours: Ours) -> None:
    encrypted = ours.encrypt(b"; c\nA = 1\n", "ini").replace(b"\n", b"\r\n")
    assert released.reads(encrypted, "ini")
    assert ours.decrypt(encrypted, "ini") == b"; c\r\nA = 1\r\n"


@pytest.mark.parametrize("path", ['["a"]["b"]', '["a"]', '["a"]["b"][1]', '["f"]', '["s"]', '["n"]', '["e"]'])
def test_json_is_extracted_as_sops_does(released: Released, ours: Ours, path: str) -> None:
    source = b'{"a": {"b": [1, "<x>", 2.50]}, "f": 1e21, "s": "<>", "n": null, "e": {}}'
    encrypted = ours.encrypt(source, "json")
    plain = ours.open(encrypted, "json").plain
    keys = tuple(int(part) if part.isdigit() else part.strip('"') for part in path[1:-1].split("]["))
    assert plain.format.extract(plain, keys, indent=None) == released.decrypt(encrypted, "json", "--extract", path)


@pytest.mark.parametrize(
    ("name", "source"),
    [("json", b'{"a":[1,2'), ("json", b'{"a": 1} x'), ("json", b'{"a": 1, "a": 2}'), ("ini", b"a = 1\na = 2\n")],
)
def test_we_refuse_what_sops_reads_with_a_loss(released: Released, name: str, source: bytes) -> None:
    assert released.reads(released.encrypt(source, name), name)
    with pytest.raises(DocumentSyntaxError):
        parse(source, format_for_name(name))

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from sopskit.document import Document, Plain, ini, parse
from sopskit.document.model import Edit, apply_edits
from sopskit.errors import DocumentSyntaxError, NotEncryptedError, PathNotFoundError, RefusedError
from tests.document.ini.texts import texts
from tests.document.stand_in import facts, is_sealed, open_again, open_values, seal, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.document import Raw

BLOCK: dict[str, Raw] = {"version": "3", "age": "a\nb", "n": 2, "suffix": "#x"}
SECTION = "[sops]\nage = a\\nb\nn = 2\nsuffix = `#x`\nversion = 3"
CRLF_SECTION = SECTION.replace("\n", "\r\n")
NOT_INI = '\n"""\n`\n x'  # either quote would end too early


def read(text: str, *, encrypted: bool = False) -> Document:
    return parse(text.encode("utf-8", "surrogateescape"), ini, encrypted=encrypted)


@pytest.mark.parametrize(
    ("plain", "sealed"),
    [
        ("a = 1\n", f"a = {token(0)}\n\n{SECTION}\n"),
        ("a = 1", f"a = {token(0)}\n\n{SECTION}"),
        ("a = 1\n\n", f"a = {token(0)}\n\n\n{SECTION}\n"),
        ("", f"{SECTION}\n"),
        ("\n", f"\n\n{SECTION}\n"),
        ("[s]\r\na=1\r\n", f"[s]\r\na={token(0)}\r\n\r\n{CRLF_SECTION}\r\n"),
        ("a =\r", f"a =\r\r\n\r\n{CRLF_SECTION}"),
        ('  k\t: "a b"  \n', f'  k\t: "{token(0)}"  \n\n{SECTION}\n'),
        ("k = 'a'\nl = `b`\nm =\nn = ''\n", f"k = '{token(0)}'\nl = `{token(1)}`\nm =\nn = ''\n\n{SECTION}\n"),
        ('k = """a\nb"""\n', f'k = """{token(0)}"""\n\n{SECTION}\n'),
        ("# c\nk = v\n", f"# {token(1)}\nk = {token(0)}\n\n{SECTION}\n"),
        ("k = v ;  c  \n", f"k = {token(0)} ;  {token(1)}  \n\n{SECTION}\n"),
        ("## a\n\n  ; b\nk = v#c\n", f"## {token(1)}\n\n  ;\nk = {token(0)}#\n\n{SECTION}\n"),
        ("#\n# a\nk = v\n", f"#{token(1)}\n#\nk = {token(0)}\n\n{SECTION}\n"),
        ("# a\n[s] ; b\n", f"# {token(0)}\n[s] ;\n\n{SECTION}\n"),
        ("  [s] ;; b \n", f";; {token(0)}\n  [s] ; \n\n{SECTION}\n"),
        ("k = `v` ; c\n", f"; {token(1)}\nk = `{token(0)}` ;\n\n{SECTION}\n"),
        ('k = """v\nw""" #c\n', f'#{token(1)}\nk = """{token(0)}""" #\n\n{SECTION}\n'),
        ("k = v\n; end\n", f"k = {token(0)}\n; {token(1)}\n\n{SECTION}\n"),
    ],
)
def test_values_and_comments_are_sealed_in_place_and_opened_again(plain: str, sealed: str) -> None:
    document = seal(read(plain), block=dict(BLOCK))
    assert document.text == sealed
    assert open_again(document, read(plain)).to_bytes() == plain.encode()


def test_a_continued_value_comes_back_on_one_line() -> None:
    plain = read("k = a;b\\\n  c\nl = d\n")
    assert open_again(seal(plain), plain).text == "k = `a;bc`\nl = d\n"


@given(texts())
@settings(max_examples=200)
def test_opening_is_the_exact_inverse_of_sealing(text: str) -> None:
    plain = read(text)
    try:
        sealed = seal(plain)
    except RefusedError:
        return
    assert facts(sealed) == [
        (*fact[:-1], item.value) if is_sealed(old) else fact
        for fact, item, old in zip(facts(plain), sealed.items, plain.items, strict=True)
    ]
    assert open_again(sealed, plain).to_bytes() == text.encode()


@given(texts())
def test_no_word_of_a_value_or_comment_stays_readable(text: str) -> None:
    marked = read(text)
    try:
        sealed = seal(marked)
    except RefusedError:
        return
    left = apply_edits(sealed.text, [Edit(leaf.start, leaf.end, "") for leaf in sealed.leaves()])
    for line in left.split("[sops]")[0].splitlines():
        comment = min((line.find(marker) for marker in "#;" if marker in line), default=-1)
        words = "" if comment < 0 or "k" in line[:comment] else line[comment:]
        assert not words.split("ENC[")[0].strip("#; \t") or "[" in line[:comment]


def test_the_section_is_taken_away_wherever_it_stands() -> None:
    assert ini.open(read("[sops]\nmac = x\n\n[s]\na =\n", encrypted=True), []).text == "\n[s]\na =\n"
    assert ini.open(read("b =\n\n[sops]\nmac = x\n[s]\na =\n", encrypted=True), []).text == "b =\n[s]\na =\n"
    assert ini.open(read("b =\n[sops]\nmac = x\n", encrypted=True), []).text == "b =\n"
    assert ini.open(read("\n[sops]", encrypted=True), []).text == ""


@pytest.mark.parametrize(
    ("sealed", "texts", "plain"),
    [
        ("; T\nk =\n", ["a\n# b\n; c"], "; a\n# b\n; c\nk =\n"),
        ("  ; T\nk =\n", ["a\nb\n"], "  ; a\n  ; b\n  ; \nk =\n"),
        ("k = ; T\n", ["a\n# b"], "# b\nk = ; a\n"),
        ("; T\n#\n;\nk =\n", ["a\n# b"], "; a\n# b\n;\nk =\n"),
        ("; T\n[s] ; more\n", ["a"], "; a\n[s] ; more\n"),
        ("# T\nk =\n", ["# a"], "# # a\nk =\n"),
    ],
)
def test_comments_of_other_writers_open_too(sealed: str, texts: list[str], plain: str) -> None:
    document = read(f"{sealed}\n[sops]\nmac = x\n".replace("T", token(0)), encrypted=True)
    values = [
        (item, Plain("comment", text.encode(), text.encode()))
        for item, text in zip([item for item in document.items if item.value.startswith("ENC[")], texts, strict=True)
    ]
    assert ini.open(document, values).text == plain


@pytest.mark.parametrize(
    ("plain", "line"),
    [
        (Plain("str", b"a b", b""), "k = a b"),
        (Plain("str", b" a", b""), 'k = " a"'),
        (Plain("str", b'"a"', b""), "k = '\"a\"'"),
        (Plain("str", b"a;b", b""), "k = `a;b`"),
        (Plain("str", b"a\nb", b""), "k = `a\nb`"),
        (Plain("str", b"a\\", b""), 'k = "a\\"'),
        (Plain("str", b"`\n;", b""), 'k = """`\n;"""'),
        (Plain("str", b"\xff", b""), "k = \udcff"),
        (Plain("int", b"7", b"007"), "k = 7"),
        (Plain("float", b"5", b"5"), "k = 5.0"),
        (Plain("bool", b"True", b"True"), "k = true"),
    ],
)
def test_a_bare_token_opens_to_the_first_spelling_that_reads_back(plain: Plain, line: str) -> None:
    assert open_values(seal(read("k = v\n")), [plain]).text == line + "\n"


def test_a_value_before_a_comment_is_spelled_so_that_the_comment_stays_one() -> None:
    document = seal(read("k = v ; c\n"))
    comment = Plain("comment", b"c", b"c")
    assert open_values(document, [Plain("str", b"a\\", b""), comment]).text == "k = a\\ ; c\n"


@pytest.mark.parametrize("plain", [Plain("str", NOT_INI.encode(), b""), Plain("comment", b"x", b"x")])
def test_what_no_ini_file_can_hold_is_refused(plain: Plain) -> None:
    document = seal(read("[s]\nk = v\n"))
    with pytest.raises(DocumentSyntaxError, match="cannot be written in an INI file") as caught:
        open_values(document, [plain])
    assert str(caught.value.location) == 'line 2: ["s"]["k"]'


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("- = x\n", "sops reads this key", '1: ["DEFAULT"]["#1"]'),
        ("[s]\n`;a` = x\n", "sops reads this key", '2: ["s"][";a"]'),
        ('"[a" = x\n', "sops reads this key", '1: ["DEFAULT"]["[a"]'),
        ("a =\nk = '\"ab\"'\n", "sops reads this value", '2: ["DEFAULT"]["k"]'),
        ("k = `a\\`\n", "sops reads this value", '1: ["DEFAULT"]["k"]'),
        ("k = `a` hunter2\n", "sops drops the text that stands behind this", '1: ["DEFAULT"]["k"]'),
        ("[s] hunter2\n", "sops drops the text that stands behind this", '1: ["s"]'),
    ],
)
def test_what_sops_would_write_back_as_something_else_is_not_sealed(text: str, message: str, place: str) -> None:
    with pytest.raises(RefusedError, match=message) as caught:
        seal(read(text))
    assert str(caught.value.location) == f"line {place}"
    assert "hunter2" not in str(caught.value)


def test_a_readable_comment_that_sops_crashes_on_is_refused() -> None:
    document = read("a = 1\n#\n# b\nk = v\n")
    with pytest.raises(RefusedError, match="crashes on a comment whose first line is empty") as caught:
        ini.seal(document, [], {"mac": "x"}, indent=None, one_line=frozenset())
    assert str(caught.value.location) == "line 2"


def test_metadata_that_no_ini_file_can_hold_is_refused() -> None:
    with pytest.raises(RefusedError, match="the metadata field encrypted_regex"):
        seal(read("k = v\n"), block={"encrypted_regex": "a\\nb"})


def test_another_block_takes_the_place_of_the_old_one() -> None:
    document = read("[sops]\nmac = x\n[s]\nk = v\n", encrypted=True)
    assert ini.reblock(document, {"a": "b\nc"}, indent=None).text == "[sops]\na = b\\nc\n[s]\nk = v\n"
    assert ini.reblock(read("[sops]\nmac = x"), {"a": "b"}, indent=None).text == "[sops]\na = b"


def test_a_plain_file_has_no_block_to_take_away_or_replace() -> None:
    with pytest.raises(NotEncryptedError):
        ini.open(read("k = v\n"), [])
    with pytest.raises(NotEncryptedError):
        ini.reblock(read("k = v\n"), {}, indent=None)


# --- paths

TEXT = "top = 1\n\n; about s\n[s]\n  k: 'v' ; c\n# about l\n  l : w\n\n[t]\n"


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("s", "k"), "x y", TEXT.replace("'v'", "'x y'")),
        (("s", "k"), "it's", TEXT.replace("'v'", "it's")),
        (("s", "k"), "a;b", TEXT.replace("'v'", "`a;b`")),
        (("s", "k"), 5, TEXT.replace("'v'", "'5'")),
        (("s", "l"), 5.0, TEXT.replace("w", "5.0")),
        (("s", "m"), True, TEXT.replace(" : w\n", " : w\n  m : true\n")),
        (("t", "k"), "v", TEXT + "k = v\n"),
        (("DEFAULT", "x"), "v", TEXT.replace("top = 1\n", "top = 1\nx = v\n")),
        (("new", "a=b"), "v", TEXT + "\n[new]\n`a=b` = v\n"),
    ],
)
def test_values_are_set_in_place_or_where_their_section_ends(path: tuple[str, str], value: object, text: str) -> None:
    assert ini.assign(read(TEXT), path, value).text == text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("", ("s", "k"), "[s]\nk = v\n"),
        ("a = 1", ("s", "k"), "a = 1\n\n[s]\nk = v"),
        ("a=1", ("DEFAULT", "k"), "a=1\nk=v"),
        ("; c\n[s]\n", ("DEFAULT", "k"), "k = v\n; c\n[s]\n"),
        ("a=\nb = 1\r\n", ("DEFAULT", "a"), "a= v\nb = 1\r\n"),
        ("a = ", ("DEFAULT", "a"), "a = v"),
    ],
)
def test_new_keys_and_sections_fit_in(before: str, path: tuple[str, str], after: str) -> None:
    assert ini.assign(read(before), path, "v").text == after


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("s", "k"), None, "only strings, numbers and booleans"),
        (("s", "k"), ["x"], "only strings, numbers and booleans"),
        (("s", "k"), "\ud800", "half of a surrogate pair"),
        (("s", "k", "x"), "v", "an INI value holds nothing inside"),
        (("sops", "mac"), "v", "the section sops is reserved"),
        (("s", "k"), NOT_INI, "cannot be written in an INI file"),
        (("s", "a\nb"), "v", "cannot be written in an INI file"),
        (("a\nb", "k"), "v", "cannot be written in an INI file"),
        (("x]\n[y", "k"), "v", "cannot be written in an INI file"),
        (("", "k"), "v", "cannot be written in an INI file"),
        (("s", '`"""='), "v", "cannot be written in an INI file"),
    ],
)
def test_what_no_ini_file_can_hold_is_not_set(path: tuple[str, ...], value: object, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        ini.assign(read(TEXT), path, value)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [(), ("s",), (0, "k"), ("s", 0)])
def test_a_path_to_set_is_a_section_and_a_key(path: tuple[str | int, ...]) -> None:
    with pytest.raises(PathNotFoundError, match="an INI path is a section and a key"):
        ini.assign(read(TEXT), path, "v")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("s", "k"), TEXT.replace("  k: 'v' ; c\n", "")),
        (("s", "l"), TEXT.replace("  l : w\n", "")),
        (("s",), "top = 1\n\n\n[t]\n"),
        (("t",), TEXT.replace("[t]\n", "")),
        (("DEFAULT",), TEXT.removeprefix("top = 1\n")),
    ],
)
def test_keys_go_with_their_lines_and_sections_with_their_comment(path: tuple[str, ...], text: str) -> None:
    assert ini.remove(read(TEXT), path).text == text


def test_the_first_of_repeated_sections_is_removed() -> None:
    assert ini.remove(read("[s]\na = 1\n[s]\na = 2\n"), ("s",)).text == "[s]\na = 2\n"


def test_extracting_prints_the_value_or_the_file() -> None:
    assert ini.extract(read(TEXT), ("s", "k"), indent=None) == b"v"
    assert ini.extract(read(TEXT), (), indent=None) == TEXT.encode()
    with pytest.raises(PathNotFoundError, match="a section cannot be extracted alone"):
        ini.extract(read(TEXT), ("s",), indent=None)
    with pytest.raises(PathNotFoundError, match="a section cannot be extracted alone"):
        ini.extract(read(TEXT), ("DEFAULT",), indent=None)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("x", "k"), '["x"]: there is no such section'),
        (("s", "x"), '["s"]["x"]: there is no such key'),
        (("s", 0), '["s"][0]: there is no such key'),
        ((0,), "[0]: there is no such section"),
        (("s", "k", "x"), '["s"]["k"]["x"]: there is a scalar in the way'),
    ],
)
def test_a_path_that_leads_nowhere_is_named(path: tuple[str | int, ...], text: str) -> None:
    acts: list[Callable[[Document, tuple[str | int, ...]], object]] = [
        ini.remove,
        lambda document, path: ini.extract(document, path, indent=None),
    ]
    for act in acts:
        with pytest.raises(PathNotFoundError) as caught:
            act(read(TEXT), path)
        assert str(caught.value) == text

"""What `decrypt --extract` prints."""

from __future__ import annotations

import pytest

from sopskit.document import Path
from sopskit.document.yaml.emit import go_float
from sopskit.errors import PathNotFoundError
from tests.document.yaml.fakes import YAML, read

TEXT = """a: "x\\n"
i: 0x1F
f: 1000000.0
b: TRUE
t: 2024-01-01
e:
bin: !!binary gA==
l: [1, 'yes', {k: v}, []]
m: &m
  k: |
    x
    z
  '1': {}
al: *m
"""


@pytest.mark.parametrize(
    ("path", "printed"),
    [
        (("a",), b"x\n"), (("i",), b"31\n"), (("f",), b"1e+06\n"), (("b",), b"true\n"), (("t",), b"2024-01-01T00:00:00Z\n"),
        (("e",), b"null\n"), (("bin",), b"\x80"), (("l",), b'- 1\n- "yes"\n- k: v\n- []\n'), (("l", 2, "k"), b"v"), (("l", 3), b"[]\n"),
        (("m",), b'k: |\n    x\n    z\n"1": {}\n'), (("al", "k"), b"x\nz\n"), (("m", "1"), b"{}\n"),
    ],
)  # fmt: skip
def test_extract(path: Path, printed: bytes) -> None:
    assert YAML.extract(read(TEXT), path, indent=None) == printed


def test_mappings_follow_the_indent_and_bring_the_other_documents() -> None:
    text = "a:\n  b:\n    c: [x]\n---\nd: 1\n---\n"
    assert YAML.extract(read(text), ("a",), indent=2) == b"b:\n  c:\n    - x\n---\nd: 1\n---\n{}\n"


@pytest.mark.parametrize("path", [("z",), ("a", "b"), ("l", 9), ("l", "k"), ("m", 0), ("e", "x")])
def test_paths_that_lead_nowhere(path: Path) -> None:
    with pytest.raises(PathNotFoundError):
        YAML.extract(read(TEXT), path, indent=None)


def test_a_file_without_a_document() -> None:
    with pytest.raises(PathNotFoundError):
        YAML.extract(read("# c\n"), ("a",), indent=None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100000.0, "100000"), (999999.0, "999999"), (123456.7, "123456.7"), (1000000.0, "1e+06"), (1234567.5, "1.2345675e+06"),
        (123456789.0, "1.23456789e+08"), (1e20, "1e+20"), (1e-7, "1e-07"), (0.1, "0.1"), (1.0, "1"), (1.5e300, "1.5e+300"),
        (-0.0, "-0"), (-1e6, "-1e+06"), (0.0001, "0.0001"), (0.00001, "1e-05"), (float("inf"), ".inf"), (9.999999e5, "999999.9"),
    ],
)  # fmt: skip
def test_floats_as_go_prints_them(value: float, text: str) -> None:
    assert go_float(value) == text

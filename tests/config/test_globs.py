"""Path patterns: what they match, what is refused, and that none takes long."""

from __future__ import annotations

import time

import pytest

from sopskit.config.globs import LONGEST, check, matcher
from sopskit.errors import ConfigError


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("dir/**", ["dir/a", "dir/a/b", "dir/.a"], ["dir", "dir/", "xdir/a", "a/dir/b"]),
        ("**/dir/**", ["dir/a", "a/dir/b", "a/b/dir/c/d"], ["dir", "adir/b"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "a/b/c"]),
        ("**", ["a", "a/b", ".a"], []),
        ("**/*.yaml", ["a.yaml", "b/a.yaml", ".yaml"], ["a.yml", "a.yaml/b"]),
        ("*.yaml", ["a.yaml"], ["b/a.yaml"]),
        (
            "helm/*/prod-config.yaml",
            ["helm/app/prod-config.yaml"],
            ["helm/prod-config.yaml", "helm/a/b/prod-config.yaml"],
        ),
        ("a?c", ["abc", "a.c", "aéc"], ["ac", "a/c", "abbc"]),
        ("a.b+(c)^$|", ["a.b+(c)^$|"], ["axb+(c)^$|", "a.bb(c)"]),
        ("a**b", ["ab", "a/x/b"], ["a/x/c"]),
        ("K8s/é", ["K8s/é"], ["k8s/é", "K8s/É"]),
    ],
)
def test_what_a_pattern_matches(pattern: str, matching: list[str], others: list[str]) -> None:
    check(pattern)
    matches = matcher(pattern)
    assert [path for path in matching + others if matches(path)] == matching


@pytest.mark.parametrize("path", ["prod/\udcff.yaml", "prod/a\nb", "prod/\x00", "prod/\u202e", "prod/😀/x"])
def test_no_file_name_escapes_a_pattern(path: str) -> None:
    assert matcher("prod/**")(path)
    assert matcher("*/**")(path)


def test_a_byte_that_is_no_utf_8_is_one_character() -> None:
    assert matcher("prod/?")("prod/\udcff")
    assert not matcher("prod/é")("prod/\udcc3")


@pytest.mark.parametrize(
    "pattern",
    [
        "/a",
        "./a",
        "a/./b",
        "../a",
        "a/..",
        "a//b",
        "a/",
        "/",
        "",
        "a[bc]",
        "{a,b}/**",
        "!a",
        "a\\*",
        "x" * (LONGEST + 1),
    ],
)
def test_a_pattern_that_would_not_do_what_it_looks_like_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError):
        check(pattern)


@pytest.mark.parametrize("pattern", ["*a" * 128, "**a" * 85, "?*" * 128, "**/" * 85, "**/a" * 64, "*?" * 127 + "b"])
def test_a_hostile_pattern_takes_no_time(pattern: str) -> None:
    check(pattern.rstrip("/"))
    start = time.process_time()
    matches = matcher(pattern.rstrip("/"))
    for path in ("a/" * 2000, "a" * 4000, "ab" * 2000 + "/", "é" * 1500):
        matches(path)
    assert time.process_time() - start < 5  # with the square of the size it were minutes

"""`.sopskit.yaml`: read whole, answers about paths and recipients, and errors with a line."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from sopskit.config.sopskit_yaml import (
    DEFAULT,
    Environment,
    Name,
    TeamConfig,
    Waiver,
    canonical,
    environment_by_layout,
    read_team_config,
)
from sopskit.config.teamfile import MOST_PATTERNS
from sopskit.errors import ConfigError, LimitError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = ".sopskit.yaml"
PGP = "FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4"
WHOLE = """\
version: 1
environments:
  - name: prod
    paths: ["k8s/gitops/prod/**", "k8s/helm-values/*/prod-config.yaml"]
    protected: true
    writers: key
  - name: dev
    paths: ["k8s/gitops/dev/**"]
    writers: public-key
names:
  - name: cluster-prod
    recipients: [age1cluster]
    required_in: [prod]
    forbidden_in: []
  - name: ann
    recipients: [age1ann, fbc7 b9e2 a4f9 289a c0c1  d484 3d16 cee4 a273 81b4]
    signing_keys: ["ssh-ed25519 AAAA ann@laptop"]
policies:
  ENV01: medium
  CRY02: off
waivers:
  - policy: ENC08
    path: "k8s/gitops/dev/**"
    key: ["data", "LIST", 0, "0"]
    reason: "log level is public"
    owner: ann
    expires: 2027-01-31
"""


def read(text: str, files: Mapping[str, bytes] | None = None) -> TeamConfig:
    return read_team_config(FILE, text.encode(), read_file=(files or {}).get)


def refusal(text: str, files: Mapping[str, bytes] | None = None) -> tuple[str, str | None]:
    with pytest.raises(ConfigError) as caught:
        read(text, files)
    return str(caught.value), caught.value.hint


# --- reading


def test_the_whole_file() -> None:
    assert read(WHOLE) == TeamConfig(
        (
            Environment("prod", ("k8s/gitops/prod/**", "k8s/helm-values/*/prod-config.yaml"), protected=True),
            Environment("dev", ("k8s/gitops/dev/**",), writers="public-key"),
        ),
        (
            Name("cluster-prod", ("age1cluster",), ("prod",)),
            Name("ann", ("age1ann", PGP), signing_keys=("ssh-ed25519 AAAA",)),
        ),
        {"ENV01": "medium", "CRY02": "off"},
        (
            Waiver(
                "ENC08",
                "k8s/gitops/dev/**",
                ("data", "LIST", 0, "0"),
                "log level is public",
                "ann",
                date(2027, 1, 31),
                22,
            ),
        ),
        FILE,
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "~", "version: 1\nnames:\nwaivers: []\n"])
def test_an_empty_file_is_the_defaults(text: str) -> None:
    assert read(text) == DEFAULT._replace(source=FILE)


@pytest.mark.parametrize(
    "text", ["names:\n- {name: bob, recipients: [age1bob]}\n", "- {name: bob, recipients: [age1bob]}\n"]
)
def test_names_may_stand_in_a_file_of_their_own(text: str) -> None:
    source = "names_file: team/names.yaml\nnames: [{name: ann, recipients: [age1ann]}]\n"
    names = read(source, {"team/names.yaml": text.encode()}).names
    assert names == (Name("ann", ("age1ann",)), Name("bob", ("age1bob",)))


def test_an_empty_names_file_has_no_names() -> None:
    assert read("names_file: n.yaml\n", {"n.yaml": b""}).names == ()


# --- refusing


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("version: 2\n", ":1:10: only version 1 of this file is known", None),
        ("wavers: []\n", ":1:9: there is no field wavers here", "did you mean: waivers"),
        (
            "environments: [{name: a, paths: [a], protectd: yes}]\n",
            ":1:48: there is no field protectd here",
            "did you mean: protected",
        ),
        (
            "zzz: 1\n",
            ":1:6: there is no field zzz here",
            "known: version, environments, names, names_file, policies, waivers",
        ),
        ('"\\e[2J": 1\n', ":1:10: there is no field \\x1b[2J here", None),
        ("environments: [{paths: [a]}]\n", ":1:16: name is missing", None),
        ("environments: [{name: a}]\n", ":1:16: paths is missing", None),
        ("environments: [{name: a, paths: []}]\n", ":1:33: expected a list that is not empty", None),
        ("environments: [{name: '', paths: [a]}]\n", ":1:23: expected text, not an empty one", None),
        ("environments: [{name: a, paths: a}]\n", ":1:33: expected a list, not text", None),
        (
            "environments: [{name: a, paths: [a], writers: keys}]\n",
            ":1:47: expected one of key, public-key",
            "did you mean: key",
        ),
        (
            "environments: [{name: a, paths: [a]}, {name: a, paths: [b]}]\n",
            ":1:39: the environment a is there twice",
            None,
        ),
        ("environments: [{name: a, paths: [a], protected: 1}]\n", ":1:49: expected true or false, not a number", None),
        ("names: [{name: a}, {name: a}]\n", ":1:1: the name a is there twice", None),
        (
            f"names: [{{name: a, recipients: [{PGP}]}}, {{name: b, recipients: [{PGP.lower()}]}}]\n",
            f":1:1: a and b have the same recipient {PGP}",
            "a key that several people have gets a name of its own",
        ),
        (
            "environments: [{name: prod, paths: [a]}]\nnames: [{name: a, required_in: [prd]}]\n",
            ":2:33: expected one of prod",
            "did you mean: prod",
        ),
        (
            "names: [{name: a, required_in: [x], forbidden_in: [x]}]\n",
            ":1:51: x is in required_in and in forbidden_in",
            None,
        ),
        ("policies: {ENV01: hihg}\n", ":1:19: expected one of block, high, medium, low, off", "did you mean: high"),
        ("policies: {ENV01: }\n", ":1:19: expected one of block, high, medium, low, off", None),
        ("policies: [ENV01]\n", ":1:11: expected a mapping, not a list", None),
        ("waivers: [{policy: A}]\n", ":1:11: path is missing", None),
        (
            "names_file: /etc/passwd\n",
            ":1:13: names_file lies in the repository: neither an absolute path nor one with ..",
            "it is relative to the repository's root",
        ),
        (
            "names_file: a/../../b\n",
            ":1:13: names_file lies in the repository: neither an absolute path nor one with ..",
            "it is relative to the repository's root",
        ),
        ("names_file: none.yaml\n", ":1:13: there is no file none.yaml", None),
        ("a: [\n", ":2:1: not valid YAML: did not find expected node content", None),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str, hint: str | None) -> None:
    found, advice = refusal(text)
    assert (found, hint if hint is None else advice) == (FILE + message, hint)


def test_a_second_document_is_refused() -> None:
    message, _ = refusal("version: 1\n---\npolicies: {}\n")
    assert message == f"{FILE}:2: more than one document, or one that is not valid"


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(LimitError):
        read("#" * (1024 * 1024 + 1))


def waiver(expires: str = "2027-01-31", path: str = "a") -> str:
    return f"waivers: [{{policy: A, path: '{path}', reason: r, owner: o, expires: {expires}}}]\n"


@pytest.mark.parametrize("expires", ["2027-02-30", "20270131", "2027-W05-1", "tomorrow", "2027-01-31T00:00:00Z", "9"])
def test_a_day_that_is_none_is_refused(expires: str) -> None:
    column = waiver(expires).index(expires) + 1
    assert refusal(waiver(expires)) == (f"{FILE}:1:{column}: expected a date", "write it as 2027-01-31")


def test_a_waiver_without_an_end_is_refused() -> None:
    assert refusal(waiver("")) == (f"{FILE}:1:11: expires is missing", None)


def test_a_pattern_is_refused_where_it_stands() -> None:
    message, _ = refusal(waiver(path="a[b]"))
    assert message.startswith(f"{FILE}:1:29: the wildcards of a path pattern are")


def test_a_mistake_in_the_names_file_is_named_there() -> None:
    message, _ = refusal("names_file: n.yaml\n", {"n.yaml": b"names:\n- {nam: ann}\n"})
    assert message == "n.yaml:2:9: there is no field nam here"


def test_a_name_in_both_files_is_refused() -> None:
    message, _ = refusal("names_file: n.yaml\nnames: [{name: ann}]\n", {"n.yaml": b"[{name: ann}]"})
    assert message == f"{FILE}:1:1: the name ann is there twice"


@pytest.mark.parametrize("text", ["AGE-SECRET-KEY-1CANARY", "age-secret-key-1canary", "AGE-PLUGIN-X-1CANARY"])
@pytest.mark.parametrize("field", ["recipients", "signing_keys"])
def test_a_private_key_is_refused_and_not_quoted(text: str, field: str) -> None:
    message, hint = refusal(f"names: [{{name: ann, {field}: [{text}]}}]\n")
    assert "private key" in message
    assert "CANARY" not in f"{message}{hint}".upper()


def test_more_patterns_than_anybody_needs_are_refused() -> None:
    paths = ", ".join(["a"] * (MOST_PATTERNS + 1))
    message, _ = refusal(f"environments: [{{name: a, paths: [{paths}]}}]\n")
    assert message.endswith(f"more than {MOST_PATTERNS} path patterns")


def test_aliases_that_multiply_are_refused() -> None:
    levels = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 9))
    with pytest.raises((ConfigError, LimitError)):
        read(f"x0: &x0 [a]\n{levels}")


# --- answers


def test_the_first_environment_that_has_a_path_counts() -> None:
    team = TeamConfig((Environment("a", ("x/y/**",)), Environment("b", ("x/**",))))
    paths = ["x/y/s.yaml", "x/s.yaml", "s.yaml"]
    assert [getattr(team.environment_of(path), "name", None) for path in paths] == ["a", "b", None]


def test_written_environments_replace_the_layout() -> None:
    assert read(WHOLE).environment_of("k8s/gitops/qa/s.yaml") is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("k8s/gitops/dev/service1/secrets.yaml", "dev"),
        ("infra/k8s/gitops/qa/s.yaml", "qa"),
        ("k8s/gitops/kustomization.yaml", None),
        ("k8s/gitops/dev", None),
        ("gitops/dev/s.yaml", None),
        ("apps/shop/overlays/prod/s.yaml", "prod"),
        ("overlays/prod/a/b.yaml", "prod"),
        ("environments/dev/s.env", "dev"),
        ("k8s/gitops/dev/overlays/small/s.yaml", "dev"),
        ("k8s/helm-values/service1/prod-config.yaml", "prod"),
        ("helm-values/service1/eu-west-config.yaml", "eu-west"),
        ("helm-values/service1/values.yaml", None),
        ("helm-values/prod-config.yaml", None),
        ("helm-values/a/b/prod-config.yaml", None),
        ("k8s/helm-values/service1/-config.yaml", None),
        ("secrets.yaml", None),
        ("", None),
    ],
)
def test_the_layout_names_environments(path: str, name: str | None) -> None:
    assert environment_by_layout(path) == name
    assert DEFAULT.environment_of(path) == (None if name is None else Environment(name))


def test_an_environment_of_the_layout_has_its_paths_only() -> None:
    environment = Environment("dev")
    paths = ["k8s/gitops/dev/s.yaml", "k8s/helm-values/a/dev-config.yaml", "k8s/gitops/qa/s.yaml", "dev/s.yaml"]
    assert [environment.has(path) for path in paths] == [True, True, False, False]


def test_a_folder_named_like_a_wildcard_is_one_environment() -> None:
    environment = DEFAULT.environment_of("k8s/gitops/*/s.yaml")
    assert environment == Environment("*")
    assert not environment.has("k8s/gitops/prod/s.yaml")


@pytest.mark.parametrize("spelling", [PGP, PGP.lower(), "FBC7 B9E2 A4F9 289A C0C1  D484 3D16 CEE4 A273 81B4"])
def test_fingerprints_compare_without_blanks_and_case(spelling: str) -> None:
    assert TeamConfig(names=(Name("ann", (spelling,)),)).name_of(PGP) == Name("ann", (spelling,))
    assert TeamConfig(names=(Name("ann", (PGP,)),)).name_of(spelling) == Name("ann", (PGP,))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("ssh-ed25519  AAAA ann@laptop", "ssh-ed25519 AAAA"),
        (" age1abc ", "age1abc"),
        ("AGE1ABC", "AGE1ABC"),
        ("arn:aws:kms:eu-west-1:1:key/Ab", "arn:aws:kms:eu-west-1:1:key/Ab"),
        ("abcd", "abcd"),
    ],
)
def test_the_canonical_spelling_of_a_key(key: str, expected: str) -> None:
    assert canonical(key) == expected


def test_a_stranger_has_no_name() -> None:
    assert read(WHOLE).name_of("age1stranger") is None


def test_a_waiver_covers_a_policy_at_its_paths_and_key() -> None:
    (found,) = read(WHOLE).waivers
    path, key = "k8s/gitops/dev/a.yaml", ("data", "LIST", 0, "0")
    cases = [
        ("ENC08", path, key),
        ("ENC07", path, key),
        ("ENC08", "k8s/gitops/qa/a.yaml", key),
        ("ENC08", path, ("data",)),
        ("ENC08", path, None),
    ]
    assert [found.covers(*case) for case in cases] == [True, False, False, False, False]


def test_a_waiver_without_a_key_covers_all_keys() -> None:
    found = Waiver("A", "**", None, "", "", date(2027, 1, 1), 1)
    assert [found.covers("A", "x", ("a",)), found.covers("A", "x/y", None)] == [True, True]

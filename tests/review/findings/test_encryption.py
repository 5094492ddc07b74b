"""ENC01 to ENC04: plain text where there should be none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.review.reviewing import Reviewer, ids

if TYPE_CHECKING:
    from sopskit.review.model import Finding, ReviewDiff
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

SECRET = b"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  password: canary\n"
REGEX = ("--encrypted-regex", "^(data|stringData)$")
FILE = "k8s/dev/secrets.yaml"
ENCRYPT = "sopskit encrypt -i FILE, and change the values: they stand in the history"
ADD_RULE = f"add a creation rule that fits this file to .sops.yaml, then {ENCRYPT}"


def only(report: ReviewDiff, policy: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.id == policy]


@pytest.fixture
def rules(alice: AgeTestKey) -> bytes:
    """One rule that names paths."""
    lines = ("creation_rules:", "  - path_regex: ^k8s/", '    encrypted_regex: "^(data|stringData)$"')
    return "\n".join((*lines, f"    age: {alice.recipient}", "")).encode()


# --- ENC01


def test_a_plain_file_that_a_rule_names_is_found_at_its_first_value(review_of: Reviewer, rules: bytes) -> None:
    report = review_of({".sops.yaml": rules}, {FILE: b"other: x\ndata: {a: secret, b: ''}\n"})
    (finding,) = only(report, "ENC01")
    assert (finding.severity, finding.path, finding.line, finding.key) == ("block", FILE, 2, ("data", "a"))
    assert (finding.args, finding.remedy) == ({"rule": ".sops.yaml:2"}, ENCRYPT)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (FILE, b"other: x\n"),
        (FILE, b"data: {a: '', b: ~}\n"),
        ("docs/dev/secrets.yaml", b"data: {a: x}\n"),
        ("k8s/dev/kustomization.yaml", b"data: {a: x}\n"),
        ("k8s/dev/README.md", b"data: all of it\n"),
        ("k8s/dev/logo.png", b"\x89PNG"),
    ],
)
def test_a_plain_file_in_which_the_rule_picks_nothing_is_none(
    review_of: Reviewer, rules: bytes, path: str, text: bytes
) -> None:
    assert ids(review_of({".sops.yaml": rules}, {path: text})) == []


def test_an_encrypted_file_is_none(review_of: Reviewer, rules: bytes, sops: Sops) -> None:
    report = review_of({".sops.yaml": rules}, {FILE: sops.encrypted(SECRET.decode(), *REGEX)})
    assert [one.id for one in report.findings if one.id.startswith("ENC")] == []


def test_a_rule_that_the_change_takes_away_still_counts(review_of: Reviewer, rules: bytes) -> None:
    report = review_of({".sops.yaml": rules}, {".sops.yaml": b"creation_rules: []\n", FILE: b"data: {a: x}\n"})
    (finding,) = only(report, "ENC01")
    assert finding.remedy == ADD_RULE


def test_a_rule_without_paths_demands_nothing(review_of: Reviewer, alice: AgeTestKey) -> None:
    rules = f"creation_rules:\n  - age: {alice.recipient}\n".encode()
    assert only(review_of({".sops.yaml": rules}, {FILE: b"data: {a: x}\n"}), "ENC01") == []


def test_a_file_of_no_known_format_is_found_where_a_rule_takes_everything(
    review_of: Reviewer, alice: AgeTestKey
) -> None:
    rules = f"creation_rules:\n  - path_regex: ^secrets/\n    age: {alice.recipient}\n".encode()
    report = review_of({".sops.yaml": rules}, {"secrets/token": b"canary\n", "secrets/README.md": b"# secrets\n"})
    assert ids(report) == ["ENC01 high secrets/token"]


@pytest.mark.parametrize("path_regex", [".*.yaml", r"\.yaml$", ""])
def test_a_pattern_that_fits_everything_names_no_file(review_of: Reviewer, alice: AgeTestKey, path_regex: str) -> None:
    rules = (
        f"creation_rules:\n  - path_regex: '{path_regex}'\n    encrypted_regex: ^data$\n    age: {alice.recipient}\n"
    )
    config_map = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: x}\n"
    report = review_of({".sops.yaml": rules.encode()}, {"a.yaml": config_map, "values.yaml": b"data: {a: x}\n"})
    assert ids(report) == (["ENC01 medium values.yaml"] if path_regex else [])


def test_the_commit_that_made_a_file_plain_is_named(review_of: Reviewer, rules: bytes, sops: Sops) -> None:
    encrypted = sops.encrypted(SECRET.decode(), *REGEX)
    base = review_of.commit({".sops.yaml": rules, FILE: encrypted})
    review_of.commit({"other": b"x"})
    opened = review_of.commit({FILE: SECRET})
    head = review_of.commit({FILE: SECRET + b"# more\n"})
    (finding,) = only(review_of.between(base, head), "ENC01")
    assert finding.commit == opened


# --- ENC02


def test_a_plain_value_in_an_encrypted_file_is_found(review_of: Reviewer, sops: Sops) -> None:
    base = sops.encrypted(SECRET.decode(), *REGEX)
    head = base.replace(b"stringData:\n", b"stringData:\n    new: canary\n    empty: ''\n")
    (finding,) = only(review_of({FILE: base}, {FILE: head}), "ENC02")
    assert (finding.severity, finding.line, finding.key) == ("block", 6, ("stringData", "new"))


def test_many_plain_values_are_ten_findings_and_a_count(review_of: Reviewer, sops: Sops) -> None:
    added = "".join(f"    k{number}: canary\n" for number in range(13)).encode()
    head = sops.encrypted(SECRET.decode(), *REGEX).replace(b"stringData:\n", b"stringData:\n" + added)
    found = only(review_of({}, {FILE: head}), "ENC02")
    assert len(found) == 11
    assert (found[-1].message, found[-1].args) == ("and {count} more values like these", {"count": 3})


def test_a_value_that_the_creation_rule_covers_and_the_file_does_not_is_found(
    review_of: Reviewer, rules: bytes, sops: Sops
) -> None:
    text = SECRET.decode() + "  user: canary\n"
    base = sops.encrypted(text, "--encrypted-regex", "^password$")
    head = base.replace(b"    user: canary\n", b"    user: other\n")
    unchanged = review_of({".sops.yaml": rules, FILE: base}, {FILE: base + b"# comment\n"})
    assert [(one.severity, one.key) for one in only(unchanged, "ENC02")] == [("medium", ("stringData", "user"))]
    changed = review_of({FILE: base}, {FILE: head})
    assert [(one.severity, one.key) for one in only(changed, "ENC02")] == [("high", ("stringData", "user"))]


def test_a_creation_rule_that_picks_nothing_in_particular_covers_nothing(
    review_of: Reviewer, alice: AgeTestKey, sops: Sops
) -> None:
    rules = f"creation_rules:\n  - path_regex: ^k8s/\n    age: {alice.recipient}\n".encode()
    report = review_of({".sops.yaml": rules}, {FILE: sops.encrypted(SECRET.decode(), *REGEX)})
    assert only(report, "ENC02") == []


# --- ENC03


def test_an_encrypted_file_whose_rule_picks_nothing_is_found(review_of: Reviewer, sops: Sops) -> None:
    report = review_of({}, {FILE: sops.encrypted(SECRET.decode(), "--encrypted-regex", " ^data$")})
    assert [(one.severity, one.args) for one in only(report, "ENC03")] == [("block", {"field": "encrypted_regex"})]


def test_an_encrypted_file_of_empty_values_is_none(review_of: Reviewer, sops: Sops) -> None:
    head = sops.encrypted("apiVersion: v1\nkind: Secret\ndata: {a: ''}\n", *REGEX)
    assert only(review_of({}, {FILE: head}), "ENC03") == []


# --- ENC04


def test_a_plain_secret_is_found_at_its_first_value(review_of: Reviewer) -> None:
    (finding,) = only(review_of({}, {"a.yaml": SECRET}), "ENC04")
    assert (finding.severity, finding.line, finding.key) == ("block", 5, ("stringData", "password"))
    assert (finding.args, finding.remedy) == ({"count": 1, "keys": "stringData.password"}, ADD_RULE)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.yaml", b"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  data: {a: eA==}\n"),
        ("a.json", b'{"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA=="}}'),
        ("a.json", b'{"apiVersion":"v1","kind":"SecretList","items":[{"apiVersion":"v1","kind":"Secret","data":{"a":"x"}}]}'),
        ("a.yaml.edited", SECRET),
        ("a.txt", b'{"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA=="}}'),
        ("a.yaml", b"a: 1\n---\n" + SECRET),
        ("kustomization.yaml", b"secretGenerator:\n- name: a\n  literals: [password=canary]\n"),
    ],
)  # fmt: skip
def test_a_plain_secret_is_found_in_every_form(review_of: Reviewer, path: str, text: bytes) -> None:
    assert len(only(review_of({}, {path: text}), "ENC04")) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.yaml", b"apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n"),
        ("a.yaml", b"apiVersion: v1\nkind: Secret\ndata: {a: ''}\n"),
        ("a.yaml", b"apiVersion: v1\nkind: Secret\ntype: Opaque\n"),
        ("a.yaml", b"apiVersion: v1\nkind: Secret\nstringData: {a: '{{ .Values.a }}', b: '${B}'}\n"),
        ("kustomization.yaml", b"secretGenerator:\n- name: a\n  files: [password]\n"),
        ("kustomization.yaml", b"configMapGenerator:\n- name: a\n  literals: [level=info]\n"),
    ],
)
def test_what_holds_no_data_of_a_secret_is_none(review_of: Reviewer, path: str, text: bytes) -> None:
    assert ids(review_of({}, {path: text})) == []


def test_a_token_beside_plain_values_hides_none_of_them(review_of: Reviewer) -> None:
    text = b"apiVersion: v1\nkind: Secret\ndata:\n  a: ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]\n  b: eA==\n"
    assert [one.args for one in only(review_of({}, {"a.yaml": text}), "ENC04")] == [{"count": 1, "keys": "data.b"}]


def test_a_secret_that_the_rule_of_its_encrypted_file_leaves_out_is_found(review_of: Reviewer, sops: Sops) -> None:
    text = "token: canary\n---\n" + SECRET.decode()
    head = sops.encrypted(text, "--encrypted-regex", "^token$")
    assert [one.key for one in only(review_of({}, {FILE: head}), "ENC04")] == [("stringData", "password")]


def test_a_secret_of_which_a_part_is_plain_by_its_rule_is_none(review_of: Reviewer, sops: Sops) -> None:
    head = sops.encrypted(SECRET.decode() + "  user: ann\n", "--encrypted-regex", "^password$")
    report = review_of({}, {FILE: head})
    assert [one.id for one in report.findings if one.id.startswith("ENC")] == []


@pytest.mark.parametrize("path", ["a.yaml", "a.json"])
def test_a_secret_that_cannot_be_read_is_found_all_the_same(review_of: Reviewer, path: str) -> None:
    text = b"# mine\n" + SECRET + b"other: [\n"
    (finding,) = only(review_of({}, {path: text}), "ENC04")
    assert (finding.severity, finding.line) == ("block", 3)


def test_a_template_and_another_text_that_cannot_be_read_are_none(review_of: Reviewer) -> None:
    template = b"apiVersion: v1\nkind: Secret\ndata:\n  a: {{ .Values.a | b64enc }}\n"
    head = {"a.yaml": template, "b.yaml": b"kind: Service\ndata: [\n", "c.md": SECRET + b"other: [\n"}
    assert only(review_of({}, head), "ENC04") == []


HELM = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("stringData:\n  a: {{ .Values.a }}\n  b: canary\n", 7),
        ("# {{ .Values.x }}\ndata:\n  # a: {{ .Values.a }}\n  a: Y2FuYXJ5 # {{ .Values.a }}\n", 8),
        ('data:\n  {{- if .Values.a }}\n  "a": "Y2FuYXJ5"\n  {{- end }}\n', 7),
        ("data:\n{{- if .Values.a }}\n  a: {{/* none */}}Y2FuYXJ5\n{{- end }}\n", 7),
        ("stringData:\n  a: |-\n    canary\n    more\n", 6),
        ("stringData: {a: {{ .Values.a }}, b: 'canary'}\n", 5),
        ("data:\n  a: {{ .Values.a }}\nstringData:\n  b: 12\n", 8),
        ("---\nkind: ConfigMap\ndata:\n  a: {{ .x }}\n---\nkind: Secret\ndata:\n  a: eA==\n", 12),
    ],
)
def test_a_literal_beside_templates_is_found(review_of: Reviewer, text: str, line: int) -> None:
    (finding,) = only(review_of({}, {"a.yaml": (HELM + text).encode()}), "ENC04")
    assert (finding.severity, finding.line) == ("block", line)


@pytest.mark.parametrize(
    "text",
    [
        "type: Opaque\n",
        "data:\n  {{- toYaml .Values.data | nindent 2 }}\n",
        "data:\n{{- range $k, $v := .Values.data }}\n  {{ $k }}: {{ $v | b64enc }}\n{{- end }}\n",
        'stringData:\n  a: "{{ .Values.a }}"\n  b: \'\'\n  c: ""\n  d: ~\n  e: ${E}\n  f:\ntype: Opaque\n',
        "stringData:\n  config.yaml: |\n    server: x\n    password: {{ .Values.password }}\n",
        "stringData: {a: {{ .Values.a }}, b: ''}\nother: text\n",
        "data:\n  a: ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]\n",
        "---\nkind: ConfigMap\nmetadata: {name: {{ .x }}}\ndata:\n  a: b\n",
    ],
)
def test_a_secret_of_which_all_values_are_templates_is_none(review_of: Reviewer, text: str) -> None:
    assert only(review_of({}, {"a.yaml": (HELM + text).encode()}), "ENC04") == []


MERGED = {
    "data": "x: &x {PASSWORD: canary}\napiVersion: v1\nkind: Secret\nstringData:\n  <<: *x\n",
    "everything": "x: &x {apiVersion: v1, kind: Secret, data: {PASSWORD: eA==}}\n<<: *x\n",
    "a list of mappings": "x: &x {PASSWORD: canary}\nkind: Secret\nstringData: {<<: [*x, {USER: ''}]}\n",
    "items of a list": "kind: SecretList\nitems: [{data: {PASSWORD: eA==}}]\n",
    "a list in a list": "kind: List\nitems: [{kind: List, items: [{kind: Secret, data: {PASSWORD: eA==}}]}]\n",
    "no apiVersion": "kind: Secret\ndata: {PASSWORD: eA==}\n",
}


@pytest.mark.parametrize("text", MERGED.values(), ids=MERGED.keys())
def test_a_plain_secret_is_found_however_kubernetes_takes_it(review_of: Reviewer, text: str) -> None:
    (finding,) = only(review_of({}, {"a.yaml": text.encode()}), "ENC04")
    assert str(finding.args["keys"]).endswith("PASSWORD")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("path", ["a.yaml", "a.txt"])
def test_a_plain_secret_in_another_encoding_is_found(review_of: Reviewer, encoding: str, path: str) -> None:
    text = SECRET.decode()
    (finding,) = only(review_of({}, {path: text.encode(encoding)}), "ENC04")
    assert (finding.severity, finding.line, finding.key) == ("block", 5, ("stringData", "password"))


def test_a_plain_secret_behind_two_byte_order_marks_is_found(review_of: Reviewer) -> None:
    assert ids(review_of({}, {"a.yaml": "\ufeff\ufeff".encode() + SECRET})) == ["ENC04 block a.yaml"]


def test_a_file_in_utf_16_that_a_rule_names_is_as_bad_as_one_in_utf_8(review_of: Reviewer, rules: bytes) -> None:
    report = review_of({".sops.yaml": rules}, {FILE: SECRET.decode().encode("utf-16")})
    assert ids(report) == [f"ENC01 block {FILE}", f"ENC04 block {FILE}"]


def test_a_secret_in_a_file_of_too_many_values_is_found(review_of: Reviewer) -> None:
    many = b"".join(b"- a%d\n" % number for number in range(60_000))
    text = b"a: 1\n---\nlist:\n" + many + b"---\n" + SECRET + b"---\nkind: Secret\ndata: {}\n"
    report = review_of({}, {"a.yaml": text, "b.yaml": b"kind: Role\nx:\n" + many})
    assert [(one.path, one.line) for one in only(report, "ENC04")] == [("a.yaml", 60_009)]
    reason = "more than 50000 values in a file that is not encrypted"
    assert [(one.path, one.reason, one.decisive) for one in report.not_checked] == [
        ("a.yaml", reason, False),
        ("b.yaml", reason, False),
    ]


def test_a_file_of_too_many_values_that_a_rule_names_is_told(review_of: Reviewer, rules: bytes) -> None:
    text = b"data:\n" + b"".join(b"  a%d: b\n" % number for number in range(60_000))
    assert ids(review_of({".sops.yaml": rules}, {FILE: text})) == [f"ENC01 high {FILE}"]


# --- ENC04 in a kustomization

GENERATOR = b"secretGenerator:\n- name: a\n  files: [tls.crt, key=sub/password.txt]\n  envs: [.env]\n"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def test_a_plain_file_that_a_kustomization_makes_a_secret_of_is_found(review_of: Reviewer) -> None:
    base: dict[str, bytes | None] = {"app/kustomization.yaml": GENERATOR}
    head: dict[str, bytes | None] = {"app/sub/password.txt": b"canary", "app/.env": b"A=canary\n", "app/other": b"x"}
    found = only(review_of(base, head), "ENC04")
    assert [(one.severity, one.path, one.args) for one in found] == [
        ("block", "app/.env", {"kustomization": "app/kustomization.yaml"}),
        ("block", "app/sub/password.txt", {"kustomization": "app/kustomization.yaml"}),
    ]


def test_a_kustomization_that_makes_a_secret_of_a_plain_file_is_found_once(review_of: Reviewer) -> None:
    old = {"app/.env": b"A=canary\n"}
    found = only(review_of(old, {"app/kustomization.yaml": GENERATOR}), "ENC04")
    assert [(one.path, one.line, one.args) for one in found] == [
        ("app/kustomization.yaml", 4, {"file": "app/.env"}),
    ]


def test_what_a_secret_may_hold_in_clear_and_a_sops_file_are_none(review_of: Reviewer, sops: Sops) -> None:
    head = {
        "kustomization.yaml": GENERATOR,
        "tls.crt": b"# the chain\n" + CERTIFICATE * 2,
        "sub/password.txt": sops.encrypted("canary", name="password.txt"),
        ".env": b"A=\nB=${B}\n",
    }
    assert only(review_of({}, head), "ENC04") == []
    named = GENERATOR.replace(b"tls.crt", b"known_hosts")
    head = {
        "kustomization.yaml": named,
        "known_hosts": b"github.com ssh-ed25519 AAAA\n",
        ".env": sops.encrypted("A=b", name=".env"),
    }
    assert only(review_of({}, head), "ENC04") == []


def test_a_plain_secret_is_found_where_base_could_not_be_read(review_of: Reviewer, rules: bytes) -> None:
    report = review_of({".sops.yaml": rules, FILE: b"a: [\n"}, {FILE: SECRET})
    assert ids(report) == [f"ENC01 block {FILE}", f"ENC04 block {FILE}"]


def test_a_file_that_a_rule_names_and_nobody_can_read_is_a_lesser_finding(review_of: Reviewer, rules: bytes) -> None:
    assert ids(review_of({".sops.yaml": rules}, {FILE: b"a: [\n"})) == [f"ENC01 medium {FILE}"]


def test_every_plain_secret_of_a_file_is_one_finding_with_its_keys(review_of: Reviewer) -> None:
    many = b"apiVersion: v1\nkind: Secret\nstringData:\n" + b"".join(b"  k%d: x\n" % n for n in range(12))
    odd = b"apiVersion: v1\nkind: Secret\ndata: {a: x, empty: ''}\nstringData: {\"b\\e\": x, a: y}\n"
    found = only(review_of({}, {"a.yaml": many + b"---\n" + odd}), "ENC04")
    assert str(found[0].args["keys"]).endswith("stringData.k9 and 2 more")
    assert found[1].args == {"count": 2, "keys": 'stringData.a, stringData["b\\x1b"]'}


def test_a_plain_secret_that_goes_is_no_plain_secret(review_of: Reviewer) -> None:
    assert only(review_of({"a.yaml": SECRET}, {"a.yaml": None}), "ENC04") == []


def test_no_finding_holds_a_value(review_of: Reviewer, rules: bytes) -> None:
    report = review_of({".sops.yaml": rules}, {FILE: SECRET})
    assert ids(report) == [f"ENC01 block {FILE}", f"ENC04 block {FILE}"]
    assert "canary" not in repr(report)

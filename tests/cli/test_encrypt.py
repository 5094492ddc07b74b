"""Encrypt: older versions, folders, warnings."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from sopskit.document import DEFAULT_LIMITS
from tests.cli.conftest import PLAIN
from tests.cli.running import sopskit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

RULE = ("--encrypted-regex", "^(stringData|list)$")


def tokens(data: bytes | str) -> dict[str, str]:
    return dict(yaml.safe_load(data)["stringData"])


def iv(token: str) -> str:
    return token.partition("iv:")[2].partition(",")[0]


def wrapped(data: bytes | str) -> dict[str, str]:
    return {key["recipient"]: key["enc"] for key in yaml.safe_load(data)["sops"]["age"]}


# --- an older version


def test_with_like_unchanged_values_keep_their_ciphertext(ours: Path, plain: Path, alice: AgeTestKey) -> None:
    plain.write_text(PLAIN.replace("correct horse", "battery"))
    done = sopskit("encrypt", "--like", ours, "--age", alice.recipient, *RULE, plain)
    before, after = tokens(ours.read_text()), tokens(done.out)
    assert [key for key in before if before[key] != after[key]] == ["password"]
    assert wrapped(done.out) == wrapped(ours.read_text())


def test_the_existing_target_of_output_is_the_older_version(ours: Path, plain: Path, alice: AgeTestKey) -> None:
    before = tokens(ours.read_text())
    done = sopskit("encrypt", "--output", ours, "--age", alice.recipient, *RULE, plain)
    assert done.code == 0, done.err
    assert tokens(ours.read_text()) == before


def test_a_new_recipient_gets_the_same_data_key(ours: Path, plain: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    done = sopskit("encrypt", "--like", ours, "--age", f"{bob.recipient},{alice.recipient}", *RULE, plain)
    assert tokens(done.out) == tokens(ours.read_text())
    assert wrapped(done.out)[alice.recipient] == wrapped(ours.read_text())[alice.recipient]
    (plain.parent / "new.yaml").write_bytes(done.out)
    assert sopskit("decrypt", "new.yaml", environ={"SOPS_AGE_KEY_FILE": str(bob.path)}).out == PLAIN.encode()


def test_when_a_recipient_leaves_there_is_a_new_data_key_and_ivs_stay(
    ours: Path, plain: Path, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    done = sopskit("encrypt", "--like", ours, "--age", bob.recipient, *RULE, plain)
    before, after = tokens(ours.read_text()), tokens(done.out)
    assert {key: iv(token) for key, token in after.items()} == {key: iv(token) for key, token in before.items()}
    assert not set(before.values()) & set(after.values())


def test_like_must_open(ours: Path, plain: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    environ = {"SOPS_AGE_KEY_FILE": str(bob.path)}
    done = sopskit("encrypt", "--like", ours, "--age", alice.recipient, plain, environ=environ)
    assert (done.code, done.out) == (128, b"")


def test_without_a_private_key_the_target_is_replaced_all_the_same(ours: Path, plain: Path, alice: AgeTestKey) -> None:
    before = tokens(ours.read_text())
    environ = {"SOPS_AGE_KEY_FILE": ""}
    done = sopskit("encrypt", "--output", ours, "--age", alice.recipient, *RULE, plain, environ=environ)
    assert done.code == 0, done.err
    assert not set(tokens(ours.read_text()).values()) & set(before.values())


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "init.defaultBranch=main", *words], check=True, capture_output=True)


@pytest.fixture
def repository(ours: Path, tool: Callable[[str], str]) -> Path:
    """The encrypted manifest, committed on the default branch."""
    tool("git")
    git("init", "-q", ".")
    git("add", ours.name)
    git("commit", "-qm", "first")
    return ours


def encrypt_again(path: Path, text: str, alice: AgeTestKey) -> bytes:
    path.write_text(text)
    done = sopskit("encrypt", "-i", "--age", alice.recipient, *RULE, path.name)
    assert done.code == 0, done.err
    return path.read_bytes()


def test_in_place_the_committed_version_is_the_older_one(repository: Path, alice: AgeTestKey) -> None:
    before = repository.read_bytes()
    after = encrypt_again(repository, PLAIN.replace("correct horse", "battery"), alice)
    assert [key for key, token in tokens(before).items() if tokens(after)[key] != token] == ["password"]


def test_a_version_that_is_not_in_the_default_branch_plays_no_part(repository: Path, alice: AgeTestKey) -> None:
    """Somebody could have planted it, knowing its data key."""
    merged = {iv(token) for token in tokens(repository.read_bytes()).values()}
    git("checkout", "-qb", "branch")
    planted = encrypt_again(repository, PLAIN.replace("admin", "root"), alice)
    rotated = sopskit("rotate", repository.name).out
    assert tokens(rotated) != tokens(planted)
    repository.write_bytes(rotated)
    git("commit", "-qam", "planted")
    after = encrypt_again(repository, PLAIN.replace("admin", "root"), alice)
    assert not set(tokens(after).values()) & set(tokens(rotated).values())
    ivs, theirs = ({iv(token) for token in tokens(text).values()} for text in (after, rotated))
    assert ivs & theirs <= merged
    assert iv(tokens(after)["user"]) not in theirs | merged


def test_like_in_a_repository_is_judged_as_well(repository: Path, plain: Path, alice: AgeTestKey) -> None:
    foreign = repository.parent / "foreign.yaml"
    foreign.write_bytes(sopskit("rotate", repository.name).out)
    done = sopskit("encrypt", "--like", foreign.name, "--age", alice.recipient, *RULE, plain.name)
    assert done.code == 0
    assert "plays no part" in done.err
    assert not set(tokens(done.out).values()) & set(tokens(foreign.read_text()).values())


# --- folders


@pytest.fixture
def many(folder: Path, alice: AgeTestKey) -> Path:
    """A GitOps folder with rules: secrets by name, and what is none."""
    (folder / ".sops.yaml").write_text(
        f"creation_rules:\n  - path_regex: secrets\\.yaml$\n    encrypted_regex: ^stringData$\n    age: {alice.recipient}\n"
    )
    for name in ("one", "two"):
        (folder / "apps" / name).mkdir(parents=True)
        (folder / "apps" / name / "secrets.yaml").write_text(PLAIN)
        (folder / "apps" / name / "kustomization.yaml").write_text("resources: [secrets.yaml]\n")
        (folder / "apps" / name / "README.md").write_text("# sops and lastmodified\n")
    return folder / "apps"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_in_a_folder_only_what_the_rules_mean_is_encrypted(many: Path) -> None:
    before = contents(many)
    done = sopskit("encrypt", "-i", many)
    assert (done.code, done.err) == (0, "sopskit: encrypt: 2 files changed\n")
    changed = [path for path, data in contents(many).items() if before[path] != data]
    assert changed == [str(many / name / "secrets.yaml") for name in ("one", "two")]


def test_a_second_run_changes_nothing(many: Path) -> None:
    sopskit("encrypt", "-i", many)
    before = contents(many)
    done = sopskit("encrypt", "-i", many)
    assert (done.code, done.err) == (0, "sopskit: encrypt: 0 files changed, 2 unchanged\n")
    assert contents(many) == before


def test_decrypting_a_folder_undoes_it(many: Path) -> None:
    before = contents(many)
    sopskit("encrypt", "-i", many)
    done = sopskit("decrypt", "-i", many)
    assert done.code == 0, done.err
    assert contents(many) == before


def test_a_failing_file_does_not_stop_the_others_and_is_named_at_the_end(many: Path) -> None:
    (many / "one" / "secrets.yaml").write_text("a: [\n")
    done = sopskit("encrypt", "-i", many)
    assert done.code == 1
    assert b"ENC[" in (many / "two" / "secrets.yaml").read_bytes()
    assert done.err.splitlines()[-1] == "sopskit: encrypt: 1 file changed, 1 failed"
    assert f"{many / 'one' / 'secrets.yaml'}:" in done.err


@pytest.fixture
def catch_all(many: Path, folder: Path, alice: AgeTestKey) -> Path:
    """The same folder under one rule without a path_regex; its secrets are called otherwise."""
    (folder / ".sops.yaml").write_text(
        f"creation_rules:\n  - age: {alice.recipient}\n    encrypted_regex: ^(data|stringData|private)$\n"
    )
    (many / "values.yaml").write_text("private: value\n")
    (many / "broken.yaml").write_text("kind: Secret\na: [\n")
    (many / "sealed.yaml").write_text("apiVersion: v1\nkind: SealedSecret\ndata: {a: Secret}\n")
    (many / "empty.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: empty}\n")
    return many


def test_a_rule_that_fits_everything_means_the_secrets_of_a_folder(catch_all: Path) -> None:
    before = contents(catch_all)
    done = sopskit("encrypt", "-i", catch_all)
    assert (done.code, done.err) == (0, "sopskit: encrypt: 2 files changed\n")
    changed = [path for path, data in contents(catch_all).items() if before[path] != data]
    assert changed == [str(catch_all / name / "secrets.yaml") for name in ("one", "two")]


def test_under_such_a_rule_what_was_encrypted_in_git_is_encrypted_again(
    catch_all: Path, folder: Path, tool: Callable[[str], str]
) -> None:
    tool("git")
    assert sopskit("encrypt", "-i", catch_all / "values.yaml", catch_all).code == 0
    git("init", "-q", ".")
    git("add", ".")
    git("commit", "-qm", "first")
    before = contents(catch_all)
    assert sopskit("decrypt", "-i", "apps").err == "sopskit: decrypt: 3 files changed, 5 unchanged\n"
    done = sopskit("encrypt", "-i", "apps")
    assert (done.code, done.err) == (0, "sopskit: encrypt: 3 files changed\n")
    kept = {path: data.split(b"sops:")[0] for path, data in before.items()}
    assert {path: data.split(b"sops:")[0] for path, data in contents(catch_all).items()} == kept


def test_what_nobody_asked_for_does_not_stop_a_folder(catch_all: Path, folder: Path) -> None:
    """No git, and a file too large to be read."""
    (folder / ".git").mkdir()
    (catch_all / "large.yaml").touch()
    os.truncate(catch_all / "large.yaml", DEFAULT_LIMITS.size + 1)
    done = sopskit("encrypt", "-i", catch_all, environ={"PATH": str(folder)})
    assert (done.code, done.err) == (0, "sopskit: encrypt: 2 files changed\n")


NOTHING_MEANT = """\
sopskit: encrypt: 0 files changed
sopskit: error: no file in apps/one is meant by a creation rule
sopskit: hint: name the files, or give the rule a path_regex
"""


@pytest.mark.parametrize("options", [(), ("--age", "alice")])
def test_a_folder_in_which_nothing_is_meant_is_an_error(
    catch_all: Path, alice: AgeTestKey, options: tuple[str, ...]
) -> None:
    (catch_all / "one" / "secrets.yaml").unlink()
    named = [alice.recipient if word == "alice" else word for word in options]
    done = sopskit("encrypt", "-i", *named, "apps/one")
    assert (done.code, done.err) == (1, NOTHING_MEANT)


def test_a_secret_that_no_rule_covers_is_told_and_stays(many: Path) -> None:
    (many / "other.yaml").write_text(PLAIN)
    done = sopskit("encrypt", "-i", "--json", "apps")
    assert (done.code, done.err) == (
        0,
        "sopskit: warning: apps/other.yaml: a Secret that no creation rule covers stays plain\n",
    )
    assert json.loads(done.out)["files"][1] == {
        "path": "apps/other.yaml",
        "state": "skipped",
        "note": "a Secret that no creation rule covers stays plain",
    }
    assert (many / "other.yaml").read_text() == PLAIN


def test_a_folder_of_secrets_that_no_rule_covers_is_an_error(many: Path) -> None:
    (many / "two" / "secrets.yaml").rename(many / "two" / "other.yaml")
    done = sopskit("encrypt", "-i", "apps/two")
    assert (done.code, "no file in apps/two is meant" in done.err) == (1, True)


@pytest.mark.parametrize("name", ["secrets.yaml", "other.yaml"])
def test_a_file_with_an_open_merge_conflict_is_a_failure(many: Path, name: str) -> None:
    path = many / "one" / name
    sopskit("encrypt", "-i", "apps")
    encrypted = (many / "one" / "secrets.yaml").read_text()
    text = encrypted.replace("kind: Secret\n", "<<<<<<< HEAD\nkind: Secret\n=======\nkind: Other\n>>>>>>> branch\n")
    path.write_text(text)
    done = sopskit("encrypt", "-i", "apps")
    assert (done.code, path.read_text()) == (1, text)
    assert f"sopskit: error: apps/one/{name}:3: a merge conflict is not resolved\n" in done.err


def test_a_plain_secret_with_an_open_merge_conflict_is_a_failure_as_well(catch_all: Path) -> None:
    text = PLAIN.replace("  port: 5432\n", "<<<<<<< HEAD\n  port: 5432\n=======\n  port: 1\n>>>>>>> branch\n")
    (catch_all / "one" / "secrets.yaml").write_text(text)
    done = sopskit("encrypt", "-i", "apps")
    assert done.code == 1
    assert ": a merge conflict is not resolved\n" in done.err
    assert "1 file changed, 1 failed" in done.err


def test_kept_edits_in_a_folder_are_left_alone(many: Path) -> None:
    sopskit("encrypt", "-i", "apps")
    kept = many / "one" / "secrets.yaml.edited"
    kept.write_bytes(sopskit("encrypt", "--filename-override", "apps/one/secrets.yaml", stdin=b"a: 1\n").out)
    before = kept.read_bytes()
    done = sopskit("encrypt", "-i", "apps")
    assert done.err.splitlines() == [
        "sopskit: warning: apps/one/secrets.yaml.edited: an unfinished edit lies there",
        "sopskit: hint: see it with: sopskit decrypt apps/one/secrets.yaml.edited",
        "sopskit: encrypt: 0 files changed, 2 unchanged",
    ]
    for words in (("rotate", "-i"), ("updatekeys", "-y"), ("decrypt", "-i")):
        assert sopskit(*words, "apps").code == 0
        assert kept.read_bytes() == before


def test_files_left_unchanged_are_named_with_verbose(many: Path) -> None:
    sopskit("encrypt", "-i", "apps/one")
    done = sopskit("encrypt", "-i", "--verbose", "apps")
    assert done.err.splitlines() == [
        "sopskit: note: apps/one/secrets.yaml: is encrypted already",
        "sopskit: encrypt: 1 file changed, 1 unchanged",
    ]


def test_a_folder_without_rules_is_refused(many: Path, folder: Path, alice: AgeTestKey) -> None:
    (folder / ".sops.yaml").unlink()
    done = sopskit("encrypt", "-i", "--age", alice.recipient, many)
    assert done.code == 1
    assert "no creation rules" in done.err


def test_a_file_in_which_the_rule_encrypts_nothing_is_skipped(many: Path) -> None:
    (many / "one" / "secrets.yaml").write_text("kind: ConfigMap\n")
    done = sopskit("encrypt", "-i", many)
    assert done.err.splitlines() == [
        f"sopskit: warning: {many / 'one' / 'secrets.yaml'}: its rule encrypts nothing in this file",
        "sopskit: encrypt: 1 file changed, 1 unchanged",
    ]


def test_manifests_without_anything_to_encrypt_are_told_in_one_line(folder: Path, alice: AgeTestKey) -> None:
    rule = f"creation_rules: [{{path_regex: ^apps/, encrypted_regex: '^(data|stringData)$', age: {alice.recipient}}}]\n"
    (folder / ".sops.yaml").write_text(rule)
    for name, text in {
        "deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n",
        "service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n",
        "secrets.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: YQ==}\n",
        "values.yaml": "db: {password: x}\n",
    }.items():
        (folder / "apps").mkdir(exist_ok=True)
        (folder / "apps" / name).write_text(text)
    done = sopskit("encrypt", "-i", "apps")
    assert (done.code, done.err.splitlines()) == (
        0,
        [
            "sopskit: warning: apps/values.yaml: its rule encrypts nothing in this file",
            "sopskit: encrypt: 1 file changed, 3 unchanged",
            "sopskit: note: 2 manifests hold nothing that a rule would encrypt (--verbose names them)",
        ],
    )
    again = sopskit("encrypt", "-i", "--verbose", "apps").err
    assert "sopskit: note: apps/deployment.yaml: its rule encrypts nothing in this file" in again
    assert "manifests hold" not in again


def test_a_secret_of_which_a_rule_encrypts_nothing_is_told(folder: Path, alice: AgeTestKey) -> None:
    rule = f"creation_rules: [{{path_regex: ^apps/, encrypted_regex: ^nosuch$, age: {alice.recipient}}}]\n"
    (folder / ".sops.yaml").write_text(rule)
    (folder / "apps").mkdir()
    (folder / "apps/s.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: YQ==}\n")
    done = sopskit("encrypt", "-i", "apps")
    assert "sopskit: warning: apps/s.yaml: its rule encrypts nothing in this file\n" in done.err


def test_links_in_folders_are_not_followed(many: Path, folder: Path) -> None:
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secrets.yaml").write_text(PLAIN)
    (many / "link").symlink_to(outside)
    sopskit("encrypt", "-i", many)
    assert (outside / "secrets.yaml").read_text() == PLAIN


# --- warnings and refusals


def test_a_manifest_that_would_be_encrypted_whole_is_warned_about(plain: Path, alice: AgeTestKey) -> None:
    done = sopskit("encrypt", "--age", alice.recipient, plain)
    assert done.code == 0
    assert "apiVersion, kind or metadata of this Kubernetes manifest will be encrypted" in done.err
    assert "encrypted_regex: ^(data|stringData)$" in done.err


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (PLAIN, RULE),
        ("kind: of music\nmetadata: none\n", ()),
        ("apiVersion: v1\nkind: Secret\n---\nmetadata: other document\n", ("--encrypted-regex", "^metadata$")),
    ],
)
def test_other_files_are_not_warned_about(folder: Path, alice: AgeTestKey, text: str, rule: tuple[str, ...]) -> None:
    (folder / "f.yaml").write_text(text)
    assert "manifest" not in sopskit("encrypt", "--age", alice.recipient, *rule, "f.yaml").err


@pytest.mark.parametrize("pattern", ["(", "[", "a(?=b)", "\\Z"])
def test_an_invalid_pattern_is_refused(plain: Path, alice: AgeTestKey, pattern: str) -> None:
    done = sopskit("encrypt", "--age", alice.recipient, "--encrypted-regex", pattern, plain)
    assert (done.code, done.out) == (1, b"")


CANARY = "canary-4711"
BROKEN = {
    "not YAML": f"a: {{{CANARY}\n",
    "duplicate key": f"a: {CANARY}\na: {CANARY}\n",
    "key that is no string": f"1: {CANARY}\n",
    "alias bomb": "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(8)),
    "cycle": "a: &a [*a]\n",
    "deep nesting": "a: " + "[" * 5000 + "]" * 5000 + "\n",
    "huge integer": "a: 18446744073709551615\n",
    "colon collision": f"'a:b': {CANARY}\na: {{b: {CANARY}}}\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_encrypted_is_refused_in_words_and_stays(folder: Path, alice: AgeTestKey, name: str) -> None:
    path = folder / "broken.yaml"
    path.write_text(BROKEN[name])
    done = sopskit("encrypt", "-i", "--age", alice.recipient, path.name)
    assert done.code in (2, 23), done
    assert path.read_text() == BROKEN[name]
    first = done.err.splitlines()[0]
    assert first.startswith("sopskit: error: broken.yaml")
    assert CANARY not in done.err


@pytest.mark.parametrize("data", [b"a: \xff\n", "a: x\n".encode("utf-16"), b"a: \x00\n"])
def test_what_is_not_utf8_is_refused(folder: Path, alice: AgeTestKey, data: bytes) -> None:
    path = folder / "broken.yaml"
    path.write_bytes(data)
    done = sopskit("encrypt", "-i", "--age", alice.recipient, path.name)
    assert (done.code, path.read_bytes()) == (2, data)


@pytest.mark.parametrize(
    "words",
    [
        ("--kms", "arn:aws:kms:eu-west-1:1:key/x"),
        ("--keyservice", "tcp://x:1"),
        ("--aws-profile", "x"),
        ("--encryption-context", "a:b"),
        ("--enable-local-keyservice=false",),
        ("--shamir-secret-sharing-threshold", "two"),
        ("--json",),
        ("--age",),
    ],
)
def test_what_sopskit_does_not_do_is_refused_and_not_ignored(
    plain: Path, alice: AgeTestKey, words: tuple[str, ...]
) -> None:
    done = sopskit("encrypt", "--age", alice.recipient, plain, *words)
    assert (done.code, done.out) == (1, b"")


def test_an_output_keeps_the_mode_of_the_file_it_replaces(plain: Path, folder: Path, alice: AgeTestKey) -> None:
    target = folder / "out.yaml"
    target.touch(0o640)
    assert sopskit("encrypt", "--age", alice.recipient, "--output", target, plain).code == 0
    assert target.stat().st_mode & 0o777 == 0o640


def test_plaintext_goes_into_a_new_file_that_nobody_else_can_read(secret: Path, folder: Path) -> None:
    before = os.umask(0)
    try:
        assert sopskit("decrypt", "--output", "plain.out", secret).code == 0
    finally:
        os.umask(before)
    assert (folder / "plain.out").stat().st_mode & 0o777 == 0o600


def test_an_output_into_a_pipe_is_written_through(secret: Path, folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
    assert sopskit("decrypt", "--output", pipe, secret).code == 0
    assert b"correct horse" in reader.communicate(timeout=10)[0]


def test_key_groups_keep_their_shares_when_they_stay_the_same(folder: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    groups = f"      - age: [{alice.recipient}]\n      - age: [{bob.recipient}]\n"
    (folder / "rules").write_text(f"creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n{groups}")
    (folder / "more").write_text(f"creation_rules:\n  - shamir_threshold: 3\n    key_groups:\n{groups}{groups}")
    (folder / "p.yaml").write_text("a: one\nb: two\n")
    both = {"SOPS_AGE_KEY": bob.identity}
    first = sopskit("--config", "rules", "encrypt", "--output", "e.yaml", "p.yaml").code
    before = yaml.safe_load((folder / "e.yaml").read_text())
    again = sopskit("--config", "rules", "encrypt", "--output", "e.yaml", "p.yaml", environ=both).code
    after = yaml.safe_load((folder / "e.yaml").read_text())
    assert (first, again, after["a"], after["sops"]["key_groups"]) == (0, 0, before["a"], before["sops"]["key_groups"])
    more = yaml.safe_load(sopskit("--config", "more", "encrypt", "--like", "e.yaml", "p.yaml", environ=both).out)
    assert (more["a"], len(more["sops"]["key_groups"])) == (before["a"], 4)
    assert more["sops"]["key_groups"][0] != before["sops"]["key_groups"][0]


def test_a_rule_that_encrypts_nothing_is_warned_about(plain: Path, alice: AgeTestKey) -> None:
    done = sopskit("encrypt", "--age", alice.recipient, "--encrypted-regex", "^nosuch$", plain)
    assert done.code == 0
    assert "encrypts nothing" in done.err


def test_a_rule_for_a_binary_file_is_warned_about(folder: Path, alice: AgeTestKey) -> None:
    (folder / "f.txt").write_text("text")
    done = sopskit("encrypt", "--age", alice.recipient, "--encrypted-regex", "x", "f.txt")
    assert done.code == 0
    assert "encrypted as a whole" in done.err


def test_like_is_for_one_file(plain: Path, ours: Path, alice: AgeTestKey) -> None:
    assert sopskit("encrypt", "-i", "--like", ours, "--age", alice.recipient, plain, ours).code == 1


def test_an_output_that_is_no_sops_file_is_no_older_version(plain: Path, folder: Path, alice: AgeTestKey) -> None:
    (folder / "out.yaml").write_text("a: 1\n")
    assert sopskit("encrypt", "--age", alice.recipient, "--output", "out.yaml", plain).code == 0
    (folder / "out.yaml").write_text("sops: {lastmodified: [\n")
    assert sopskit("encrypt", "--age", alice.recipient, "--output", "out.yaml", plain).code == 0


def test_a_rule_without_recipients_needs_an_option(plain: Path, folder: Path, alice: AgeTestKey) -> None:
    (folder / ".sops.yaml").write_text("creation_rules:\n  - encrypted_regex: ^stringData$\n")
    assert "names no recipient" in sopskit("encrypt", plain).err
    assert sopskit("encrypt", "--age", alice.recipient, plain).code == 0


def test_an_impossible_threshold_is_refused(plain: Path, folder: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    (folder / ".sops.yaml").write_text(
        f"creation_rules:\n  - key_groups:\n      - age: [{alice.recipient}]\n      - age: [{bob.recipient}]\n"
    )
    assert sopskit("encrypt", "--shamir-secret-sharing-threshold", "3", plain).code == 1
    assert sopskit("encrypt", "--shamir-secret-sharing-threshold", "2", plain).code == 0


def test_a_configuration_with_the_wrong_name_is_pointed_out(plain: Path, folder: Path, alice: AgeTestKey) -> None:
    (folder / ".sops.yml").write_text("creation_rules: []\n")
    assert ".sops.yml is ignored" in sopskit("encrypt", "--age", alice.recipient, plain).err

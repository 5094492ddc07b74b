"""What somebody without a private key might try on a review: read secrets from its answers, or hide a change from it."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit.age import parse_identity
from sopskit.git import open_repository
from sopskit.review.render.json import render as as_json
from sopskit.review.request import Options
from sopskit.sops.masterkeys import FixedKeyring
from sopskit.workflow.ends import choose_ends
from sopskit.workflow.review import review
from tests.review.reviewing import NOW, Reviewer, ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sopskit.review.model import ReviewDiff
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

PROD = "k8s/gitops/prod/app/secrets.yaml"
DEV = "k8s/gitops/dev/app/secrets.yaml"
REGEX = ("--encrypted-regex", "^(data|stringData)$")
RIGHT, WRONG = "Zk3-vQ9p-LmT7x", "Hs8-wR2d-NbY4c"
OTHER = "Pq5-tG7k-RzB2w"


def secret(password: str, user: str = "app-user-one") -> str:
    return f"kind: Secret\nmetadata: {{name: app}}\nstringData:\n    PASSWORD: {password}\n    USER: {user}\n"


@pytest.fixture
def keyring(alice: AgeTestKey) -> FixedKeyring:
    return FixedKeyring((parse_identity(alice.identity),))


class Asker:
    """An author who asks the same question with a right and with a wrong guess."""

    def __init__(self, review_of: Reviewer, keyring: FixedKeyring) -> None:
        self.review_of = review_of
        self.keyring = keyring

    def answers(self, base: str, question: Callable[[str], Mapping[str, bytes | None]]) -> list[str]:
        """The two reports, without the ids of their commits."""
        texts = []
        for guess in (RIGHT, WRONG):
            self.review_of.git("checkout", "--quiet", "-B", "guess", base)
            head = self.review_of.commit(question(guess))
            report = self.review_of.between(base, head, keyring=self.keyring)
            assert report.mode == "keyed"
            texts.append(as_json(report).replace(head, "HEAD"))
        return texts


@pytest.fixture
def asker(review_of: Reviewer, keyring: FixedKeyring) -> Asker:
    return Asker(review_of, keyring)


def as_a_user(review_of: Reviewer, *words: str) -> ReviewDiff:
    """The review that `sopskit review-diff WORDS` makes, without a key."""
    repository = open_repository(review_of.git.folder)
    assert repository is not None
    with repository:
        ends = choose_ends(repository, words, review_of.git.folder)
        return review(repository, ends, options=Options(now=NOW))


def in_clear(data: bytes, key: str, guess: str) -> bytes:
    """The file with a guess in the place of a token, and a rule that leaves this key out; its MAC is the old one."""
    text = re.sub(rf"{key}: ENC\[[^\]]*\]", f"{key}: {guess}", data.decode())
    return text.replace("^(data|stringData)$", "^USER$").encode()


# --- the MAC as an oracle: it is right if a guess, put in clear text in the place of a token, is right


def test_the_mac_of_a_file_with_a_guess_in_clear_tells_nothing(asker: Asker, sops: Sops) -> None:
    data = sops.encrypted(secret(RIGHT), *REGEX)
    base = asker.review_of.commit({PROD: data})
    right, wrong = asker.answers(base, lambda guess: {PROD: in_clear(data, "PASSWORD", guess)})
    assert right.replace(RIGHT, "") == wrong.replace(WRONG, "")


def test_the_mac_of_a_copy_with_a_guess_in_clear_tells_nothing(asker: Asker, sops: Sops) -> None:
    data = sops.encrypted(secret(RIGHT), *REGEX)
    base = asker.review_of.commit({PROD: data})
    right, wrong = asker.answers(base, lambda guess: {DEV: in_clear(data, "PASSWORD", guess)})
    assert right.replace(RIGHT, "") == wrong.replace(WRONG, "")


def test_the_mac_of_an_older_version_with_a_guess_in_clear_tells_nothing(asker: Asker, sops: Sops) -> None:
    old = sops.encrypted(secret(RIGHT), *REGEX)
    asker.review_of.commit({PROD: old})
    sops("set", "file.yaml", '["stringData"]["USER"]', '"app-user-two"')
    base = asker.review_of.commit({PROD: sops.bytes()})
    right, wrong = asker.answers(base, lambda guess: {PROD: in_clear(old, "PASSWORD", guess)})
    assert right.replace(RIGHT, "") == wrong.replace(WRONG, "")


def test_the_mac_of_a_file_with_a_guess_in_a_neighbouring_value_tells_nothing(asker: Asker, sops: Sops) -> None:
    """The MAC has no separators, so the guess may stand at the end of any plain value before the token."""
    data = sops.encrypted(secret(RIGHT), *REGEX)
    base = asker.review_of.commit({PROD: data})

    def question(guess: str) -> Mapping[str, bytes | None]:
        text = re.sub(r"    PASSWORD: ENC\[[^\]]*\]\n", "", data.decode())
        return {DEV: re.sub(r"name: app", f"name: app{guess}", text, count=1).encode()}

    right, wrong = asker.answers(base, question)
    assert right.replace(RIGHT, "") == wrong.replace(WRONG, "")


# --- equality


def test_tokens_moved_by_somebody_without_the_data_key_are_not_compared(
    review_of: Reviewer, sops: Sops, keyring: FixedKeyring
) -> None:
    """The data key is the old one, and yet the author need not know it: the file has no MAC that fits."""
    data = sops.encrypted(secret(RIGHT, user=RIGHT), *REGEX)
    head = re.sub(rb"    (PASSWORD|USER): ENC\[[^\]]*\]\n", b"", data).replace(b"stringData:\n", b"stringData: {}\n")
    report = review_of({PROD: data}, {PROD: head}, keyring=keyring)
    assert all(value is None or value.same_as is None for change in report.files[0].changes for value in change.value)


# --- signatures


class Signer:
    """Somebody with an SSH key who can read files for one recipient."""

    def __init__(self, path: Path, program: str, name: str, recipient: str) -> None:
        self.path, self.name, self.recipient = path, name, recipient
        subprocess.run([program, "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        self.public = " ".join(path.with_suffix(".pub").read_text().split()[:2])

    def entry(self) -> str:
        return f"  - {{name: {self.name}, recipients: [{self.recipient}], signing_keys: ['{self.public}']}}\n"

    def commit(self, review_of: Reviewer, files: Mapping[str, bytes | None]) -> str:
        git = review_of.git
        git("config", "gpg.format", "ssh")
        git("config", "user.signingKey", str(self.path))
        git("config", "commit.gpgSign", "true")
        try:
            return review_of.commit(files)
        finally:
            git("config", "commit.gpgSign", "false")


@pytest.fixture
def ann(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey) -> Signer:
    return Signer(tmp_path / "ann", tool("ssh-keygen"), "ann", alice.recipient)


@pytest.fixture
def ben(tmp_path: Path, tool: Callable[[str], str], bob: AgeTestKey) -> Signer:
    return Signer(tmp_path / "ben", tool("ssh-keygen"), "ben", bob.recipient)


@pytest.fixture
def all_keys(alice: AgeTestKey, bob: AgeTestKey) -> FixedKeyring:
    return FixedKeyring((parse_identity(alice.identity), parse_identity(bob.identity)))


def test_a_reader_of_one_file_is_not_told_what_is_equal_in_another(
    review_of: Reviewer, sops: Sops, ann: Signer, ben: Signer, all_keys: FixedKeyring
) -> None:
    """Ben reads dev alone. He starts from a branch on which ann rotated prod, and puts guesses into dev."""
    team = f"version: 1\nnames:\n{ann.entry()}{ben.entry()}".encode()
    dev_key = ("--age", ben.recipient, *REGEX)
    base = review_of.commit(
        {
            ".sopskit.yaml": team,
            PROD: sops.encrypted(secret(RIGHT), *REGEX),
            DEV: sops.encrypted(secret(OTHER), *dev_key),
        }
    )
    rotated = ann.commit(review_of, {PROD: sops.encrypted(secret("Wm6-yU1s-QcD8e"), *REGEX)})
    texts = []
    for guess in (RIGHT, WRONG):
        review_of.git("checkout", "--quiet", "-B", "guess", rotated)
        head = ben.commit(review_of, {DEV: sops.encrypted(secret(guess), *dev_key)})
        report = review_of.between(base, head, keyring=all_keys)
        assert report.guard.equality
        texts.append(as_json(report).replace(head, "HEAD"))
    assert re.sub(r'"commit": "[0-9a-f]+"', "", texts[0]) == re.sub(r'"commit": "[0-9a-f]+"', "", texts[1])


def planted_and_replaced(review_of: Reviewer, sops: Sops, ann: Signer) -> tuple[str, str, bytes]:
    """A main branch on which a guess was planted, and replaced by ann; the commit with the guess, the last, the guess."""
    team = f"version: 1\nnames:\n{ann.entry()}".encode()
    guess = sops.encrypted(secret(RIGHT), *REGEX)
    planted = review_of.commit({".sopskit.yaml": team, PROD: guess})
    base = ann.commit(review_of, {PROD: sops.encrypted(secret(RIGHT), *REGEX)})
    return planted, base, guess


def commit_of_tree(review_of: Reviewer, tree: str, *parents: str) -> str:
    words = [word for parent in parents for word in ("-p", parent)]
    return review_of.git("commit-tree", f"{tree}^{{tree}}", *words, "-m", "merge")


def test_a_merge_that_brings_back_what_its_first_parent_has_is_a_change(
    review_of: Reviewer, sops: Sops, ann: Signer, keyring: FixedKeyring
) -> None:
    planted, base, _ = planted_and_replaced(review_of, sops, ann)
    signed = ann.commit(review_of, {PROD: sops.encrypted(secret(OTHER), *REGEX)})
    head = commit_of_tree(review_of, planted, planted, signed)  # an unsigned merge with the tree of its first parent
    report = review_of.between(base, head, keyring=keyring)
    assert not report.guard.equality


def test_a_signed_commit_whose_parents_were_hidden_is_not_trusted(
    review_of: Reviewer, sops: Sops, ann: Signer, keyring: FixedKeyring
) -> None:
    """Git reads no parents below a signature, so one put above them makes a first commit of any signed one."""
    team = f"version: 1\nnames:\n{ann.entry()}".encode()
    review_of.commit({".sopskit.yaml": team, PROD: sops.encrypted(secret(WRONG), *REGEX)})
    signed = ann.commit(review_of, {"README": b"something else\n"})  # upon what somebody else had planted
    base = review_of.commit({PROD: sops.encrypted(secret(RIGHT), *REGEX)})
    text = subprocess.run(
        ["git", "-C", review_of.git.folder, "cat-file", "commit", signed], capture_output=True, check=True
    ).stdout
    headers, _, message = text.partition(b"\n\n")
    lines = headers.split(b"\n")
    start = next(number for number, line in enumerate(lines) if line.startswith(b"gpgsig"))
    signature = [lines[start], *(line for line in lines[start + 1 :] if line.startswith(b" "))]
    rest = [line for line in lines[1:] if line not in signature]
    forged = b"\n".join([lines[0], *signature, *rest]) + b"\n\n" + message
    orphan = review_of.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", input=forged)
    merged = commit_of_tree(review_of, orphan, orphan, base)
    for head in (orphan, merged):
        assert not review_of.between(base, head, keyring=keyring).guard.equality


def test_guesses_that_a_reader_of_another_file_had_merged_there_tell_nothing(
    asker: Asker, sops: Sops, bob: AgeTestKey, all_keys: FixedKeyring
) -> None:
    """Whoever reads dev has plain values of their choice in it, and puts prod's tokens and MAC around one of them."""
    asker.keyring = all_keys
    prod = sops.encrypted(secret(RIGHT), *REGEX)
    text = secret(OTHER).replace("{name: app}", f"\n    name: app\n    a: {RIGHT}\n    b: {WRONG}")
    base = asker.review_of.commit({PROD: prod, DEV: sops.encrypted(text, "--age", bob.recipient, *REGEX)})

    def question(guess: str) -> Mapping[str, bytes | None]:
        name = "a" if guess == RIGHT else "b"
        copy = re.sub(r"    PASSWORD: ENC\[[^\]]*\]\n", "", prod.decode())
        return {DEV: copy.replace("    name: app\n", f"    name: app\n    {name}: {guess}\n").encode()}

    asker.review_of.git("checkout", "--quiet", "-B", "guess", base)
    macs = []
    for guess in (RIGHT, WRONG):
        asker.review_of.git("checkout", "--quiet", "-B", "guess", base)
        head = asker.review_of.commit(question(guess))
        report = asker.review_of.between(base, head, keyring=all_keys)
        macs.append((report.files[0].mac.head, [finding.id for finding in report.findings]))
    assert macs[0] == macs[1]


# --- what a review without a key must see


def rules(*recipients: str) -> bytes:
    keys = ",".join(recipients)
    return f"creation_rules:\n  - path_regex: prod/.*secrets\\.yaml$\n    encrypted_regex: ^(data|stringData)$\n    age: {keys}\n".encode()


def test_rules_are_those_of_the_target_not_of_where_a_branch_began(
    review_of: Reviewer, sops: Sops, bob: AgeTestKey, alice: AgeTestKey
) -> None:
    """The author chooses the merge base: an old one listed somebody who has left."""
    both = ("--age", f"{alice.recipient},{bob.recipient}", *REGEX)
    old = review_of.commit({".sops.yaml": rules(alice.recipient, bob.recipient)})
    review_of.commit({".sops.yaml": rules(alice.recipient)})
    review_of.git("checkout", "--quiet", "-b", "branch", old)
    review_of.commit({PROD: sops.encrypted(secret(RIGHT), *both)})
    report = as_a_user(review_of, "main...branch")
    assert [one for one in ids(report) if one.startswith(("RCP03", "RCP11"))]
    assert report.exit_code == 1


def test_policies_are_those_of_the_target_not_of_where_a_branch_began(review_of: Reviewer) -> None:
    old = review_of.commit({".sopskit.yaml": b"version: 1\npolicies: {ENC04: 'off'}\n"})
    review_of.commit({".sopskit.yaml": b"version: 1\n"})
    review_of.git("checkout", "--quiet", "-b", "branch", old)
    review_of.commit({"app.yaml": f"apiVersion: v1\n{secret(RIGHT)}".encode()})
    assert "ENC04 block app.yaml" in ids(as_a_user(review_of, "main...branch"))


def test_a_secret_that_moves_out_of_its_rule_to_a_new_reader_is_no_clean_change(
    review_of: Reviewer, sops: Sops, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    before = sops.encrypted(secret(RIGHT), *REGEX)
    sops("rotate", "-i", "--add-age", bob.recipient, "file.yaml")
    report = review_of(
        {PROD: before, ".sops.yaml": rules(alice.recipient)},
        {PROD: None, PROD.replace("secrets", "other"): sops.bytes()},
    )
    assert report.exit_code == 1


def test_a_new_file_without_a_rule_for_a_stranger_is_told(
    review_of: Reviewer, sops: Sops, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    report = review_of(
        {PROD: sops.encrypted(secret(RIGHT), *REGEX), ".sops.yaml": rules(alice.recipient)},
        {"k8s/new.yaml": sops.encrypted(secret(OTHER), "--age", f"{alice.recipient},{bob.recipient}", *REGEX)},
    )
    assert any(one.startswith("RCP") for one in ids(report))


def test_a_rule_that_lists_a_stranger_is_as_bad_as_a_file_that_does(
    review_of: Reviewer, sops: Sops, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    """Else two changes that both pass give somebody access: the rule first, then updatekeys."""
    report = review_of(
        {PROD: sops.encrypted(secret(RIGHT), *REGEX), ".sops.yaml": rules(alice.recipient)},
        {".sops.yaml": rules(alice.recipient, bob.recipient)},
    )
    assert "RCP11 high .sops.yaml" in ids(report)


PLAIN = {
    "a merge key in stringData": "x: &x\n  PASSWORD: p4\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  <<: *x\n",
    "a merge key at the top": "x: &x\n  apiVersion: v1\n  kind: Secret\n  stringData: {PASSWORD: p4}\n<<: *x\nmetadata: {name: a}\n",
    "a SecretList": "apiVersion: v1\nkind: SecretList\nitems:\n- metadata: {name: a}\n  stringData: {PASSWORD: p4}\n",
    "a List in a List": (
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n"
        "  - apiVersion: v1\n    kind: Secret\n    metadata: {name: a}\n    stringData: {PASSWORD: p4}\n"
    ),
    "no apiVersion": "kind: Secret\nmetadata: {name: a}\nstringData: {PASSWORD: p4}\n",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN.keys())
def test_a_plain_secret_is_seen_however_it_is_written(review_of: Reviewer, text: str) -> None:
    assert "ENC04 block app.yaml" in ids(review_of({"README": b"\n"}, {"app.yaml": text.encode()}))


def test_a_plain_secret_in_utf_16_is_seen(review_of: Reviewer) -> None:
    """As `sops decrypt file > file.yaml` writes it in PowerShell."""
    text = f"apiVersion: v1\n{secret(RIGHT)}".encode("utf-16")
    report = review_of({"README": b"\n"}, {"app.yaml": text})
    assert report.exit_code != 0


def test_the_pre_commit_hook_takes_no_options_from_file_names() -> None:
    import yaml

    from tests.conftest import ROOT

    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    words = [*hook["entry"].split(), *hook.get("args", [])]
    assert words[-1] == "--"


def test_the_time_for_a_file_of_many_objects_grows_with_their_number(review_of: Reviewer) -> None:
    from time import process_time

    # the least of three: the collector of a process with many tests behind it may take part in one of them
    least = []
    for count in (300, 1200):
        text = "---\n".join(
            f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: s{number}\nstringData:\n  A: b\n"
            for number in range(count)
        )
        base = review_of.commit({"README": str(count).encode()})
        head = review_of.commit({f"all{count}.yaml": text.encode()})
        times = []
        for _ in range(3):
            start = process_time()
            review_of.between(base, head)
            times.append(process_time() - start)
        least.append(min(times))
    assert least[1] < 10 * least[0] + 0.2

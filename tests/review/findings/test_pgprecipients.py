"""RCP08: PGP recipients that have ended."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sopskit.review.findings import pgprecipients
from tests.conftest import PGP_FINGERPRINT, ROOT
from tests.review.findings.keyed import said
from tests.review.states import Asked, reviewed

if TYPE_CHECKING:
    from pathlib import Path

    from sopskit.review.model import Finding
    from tests.review.conftest import Sops

EXPIRED = "283F629FBABE78FFD1FE35A4DBF3D973E7452978"
SUBKEY = "68AE166D80FA7389E7A7B791E6C09D7BE9A768BF"
PUBLIC = (ROOT / "fixtures" / "pgp" / "test-only-expired-public.asc").read_bytes()
KEY_FILE = "keys/ann.asc"
FOUND = f"RCP08 medium: {EXPIRED} expired on 2020-01-02, as the public key in keys/ann.asc says"


def encrypted_for(*fingerprints: str) -> bytes:
    """A SOPS file, as far as a review without a key looks at it."""
    groups = "".join(f"        - {{fp: '{one}', enc: x, created_at: '2026-01-01T00:00:00Z'}}\n" for one in fingerprints)
    token = "ENC[AES256_GCM,data:6g==,iv:wYnqeT2CqPSq2aLZmhUwrLTeFA46QQNSQZQ9i8sW7xY=,tag:Jlc3y2kHJPRwqBSJjDP8Bg==,type:str]"
    return (
        f"a: {token}\nsops:\n    pgp:\n{groups}"
        f"    lastmodified: '2026-01-01T00:00:00Z'\n    mac: {token}\n    version: 3.13.0\n"
    ).encode()


def rules(*fingerprints: str) -> bytes:
    """A `.sops.yaml`."""
    return f"creation_rules:\n- path_regex: x\n- path_regex: prod/\n  pgp: '{','.join(fingerprints)}'\n".encode()


def findings(
    head: dict[str, bytes], base: dict[str, bytes] | None = None, now: datetime | None = None
) -> list[Finding]:
    asked = Asked(policies=pgprecipients.POLICIES)
    base = {KEY_FILE: PUBLIC} if base is None else base
    return list(reviewed(base, {**base, **head}, asked if now is None else asked._replace(now=now)).findings)


def test_a_recipient_that_expired_is_found_where_the_file_names_it() -> None:
    (finding,) = findings({"prod/a.yaml": encrypted_for(EXPIRED)})
    assert said([finding]) == [FOUND]
    assert (finding.path, finding.line) == ("prod/a.yaml", 4)


def test_until_its_last_second_it_is_not() -> None:
    head = {"prod/a.yaml": encrypted_for(EXPIRED)}
    assert findings(head, now=datetime(2020, 1, 1, 23, 59, 59, tzinfo=UTC)) == []
    assert said(findings(head, now=datetime(2020, 1, 2, tzinfo=UTC))) == [FOUND]


def test_a_rule_that_names_it_is_found() -> None:
    (finding,) = findings({".sops.yaml": rules(PGP_FINGERPRINT, EXPIRED)})
    assert said([finding]) == [FOUND]
    assert (finding.path, finding.line) == (".sops.yaml", 4)


def test_a_recipient_is_told_once() -> None:
    files = {f"prod/{name}.yaml": encrypted_for(EXPIRED, EXPIRED.lower()) for name in "abc"}
    assert said(findings(files)) == [f"{FOUND}; 3 changed files name it"]


def test_a_file_that_did_not_change_is_not_looked_at() -> None:
    base = {KEY_FILE: PUBLIC, "prod/a.yaml": encrypted_for(EXPIRED), ".sops.yaml": rules(EXPIRED)}
    assert findings({"README": b"x"}, base) == []


def test_a_recipient_without_a_public_key_in_the_repository_is_none() -> None:
    assert findings({"prod/a.yaml": encrypted_for(PGP_FINGERPRINT)}) == []
    assert findings({"prod/a.yaml": encrypted_for(EXPIRED)}, base={}) == []


def test_a_subkey_as_a_recipient_is_known() -> None:
    assert said(findings({"prod/a.yaml": encrypted_for(f"{SUBKEY}!")})) == [FOUND.replace(EXPIRED, SUBKEY, 1)]


@pytest.mark.parametrize("name", ["ann.txt", "ann.asc.bak"])
def test_keys_are_looked_for_by_their_suffix(name: str) -> None:
    assert findings({"prod/a.yaml": encrypted_for(EXPIRED), name: PUBLIC}, base={}) == []


@pytest.mark.parametrize("name", ["ann.ASC", "k/ann.pgp", ".gpg"])
def test_suffixes_are_those_of_pgp(name: str) -> None:
    assert len(findings({"prod/a.yaml": encrypted_for(EXPIRED), name: PUBLIC}, base={})) == 1


def test_only_so_many_files_are_read_and_armored_ones_first() -> None:
    many = {f"pass/{number:02}.gpg": b"\x84" for number in range(pgprecipients.MOST_FILES)}
    head = {"prod/a.yaml": encrypted_for(EXPIRED)}
    assert len(findings(head, base={**many, "z.asc": PUBLIC})) == 1
    assert findings(head, base={**many, "z.gpg": PUBLIC}) == []


def test_after_a_large_file_nothing_is_read() -> None:
    head = {"prod/a.yaml": encrypted_for(EXPIRED)}
    large = bytes(pgprecipients.MOST_BYTES + 1)
    assert len(findings(head, base={"z.gpg": large, "a.gpg": PUBLIC})) == 1
    assert findings(head, base={"a.gpg": large, "z.gpg": PUBLIC}) == []


def test_damaged_rules_and_keys_are_no_error() -> None:
    head = {"prod/a.yaml": encrypted_for(EXPIRED), ".sops.yaml": b"creation_rules: [", "b.asc": PUBLIC[:-100]}
    assert said(findings(head)) == [FOUND]


def test_a_real_file_for_a_key_that_gpg_revoked_is_found(sops: Sops, gnupg_home: Path) -> None:
    words = ("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
    subprocess.run([*words, "--quick-generate-key", "ann", "future-default", "default", "0"], check=True)
    (revocation,) = (gnupg_home / "openpgp-revocs.d").iterdir()
    sops.environment["GNUPGHOME"] = str(gnupg_home)
    file = sops.encrypted("a: b\n", "--pgp", revocation.stem)
    before = subprocess.run([*words, "--armor", "--export"], check=True, capture_output=True).stdout
    text = revocation.read_text().replace("\n:-----BEGIN", "\n-----BEGIN")
    subprocess.run([*words, "--import"], input=text.encode(), check=True, capture_output=True)
    after = subprocess.run([*words, "--armor", "--export"], check=True, capture_output=True).stdout
    base = {"keys.asc": before}
    assert findings({"prod/a.yaml": file}, base) == []
    (finding,) = findings({"prod/a.yaml": file}, {"keys.asc": after})
    assert said([finding]) == [f"RCP08 medium: {revocation.stem} is revoked, as the public key in keys.asc says"]

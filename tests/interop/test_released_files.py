"""Files that released programs wrote: sopskit reads what they hold, and what sops itself makes of it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from sopskit import age
from sopskit.document import Comment, Leaf, format_for_name, format_for_path, parse
from sopskit.errors import IntegrityError, KeyAccessError
from sopskit.pgp import Gpg
from sopskit.sops import crypt
from sopskit.sops.masterkeys import FixedKeyring
from tests.conftest import ROOT, read_age_key

if TYPE_CHECKING:
    from pathlib import Path

    from sopskit.document import Document

RELEASED = ROOT / "fixtures" / "sops" / "3.13.3"
CASES = sorted(path.name for path in RELEASED.iterdir() if not path.name.endswith(".plain"))
FOR_PGP_ONLY = "pgp.yaml"
FLUX = ROOT / "fixtures" / "flux"
FLUX_VALUES = {
    "algorithms/age.yaml": ("age.txt", {"key": "value"}),
    "algorithms/age-pq.yaml": ("age-pq.txt", {"key": "value"}),
    "global/secret.yaml": ("age-global.txt", {"key": "global-value"}),
    "patches/merge1.yaml": ("age.txt", {"key": "merge1"}),
    "patches/merge2.yaml": ("age.txt", {"merge2": "merge2"}),
    "envs/env.env": ("age.txt", {"key": "value"}),
    "component/env.env": ("age.txt", {"key": "value"}),
    "files/file.txt": ("age.txt", {"data": "value"}),
}


def keyring(*names: str) -> FixedKeyring:
    """Test keys by the names of their owners."""
    return FixedKeyring(tuple(age.parse_identity(read_age_key(name).identity) for name in names))


def open_path(path: Path, keys: FixedKeyring) -> Document:
    """The verified plaintext of a file."""
    return crypt.open_file(crypt.load(path.read_bytes(), format_for_path(path.name)), keys).plain


def content(document: Document) -> list[tuple[object, ...]]:
    """Leaves with place, type and canonical bytes, in order: what the MAC covers, and where."""
    return [(leaf.path, leaf.kind, leaf.data) for leaf in document.leaves()]


def comments(document: Document) -> list[str]:
    """The texts of all comments. sops moves inline ones to a line of their own, so their order is not compared."""
    return sorted(item.value.strip() for item in document.items if isinstance(item, Comment))


@pytest.mark.parametrize("case", [case for case in CASES if case != FOR_PGP_ONLY])
def test_a_file_of_the_released_sops_opens_to_what_sops_makes_of_it(case: str) -> None:
    opened = open_path(RELEASED / case, keyring("alice", "bob", "cluster", "hybrid"))
    expected = parse((RELEASED / f"{case}.plain").read_bytes(), format_for_path(case))
    assert content(opened) == content(expected)
    assert comments(opened) == comments(expected)


def test_a_file_of_the_released_sops_for_pgp_opens(pgp_key: str, gnupg_home: Path) -> None:
    opened = open_path(RELEASED / FOR_PGP_ONLY, FixedKeyring(pgp=Gpg(None, str(gnupg_home))))
    expected = parse((RELEASED / f"{FOR_PGP_ONLY}.plain").read_bytes(), format_for_path(FOR_PGP_ONLY))
    assert content(opened) == content(expected)


@pytest.mark.parametrize("case", CASES)
def test_reading_and_writing_metadata_of_the_released_sops_loses_nothing(case: str) -> None:
    source = (RELEASED / case).read_bytes()
    file = crypt.load(source, format_for_path(case))
    assert file.document.to_bytes() == source


@pytest.mark.parametrize(
    "owners", [("alice", "bob"), ("alice", "cluster"), ("bob", "cluster"), ("alice", "bob", "cluster")]
)
def test_any_two_of_three_key_groups_open_the_file(owners: tuple[str, ...]) -> None:
    opened = open_path(RELEASED / "key-groups.yaml", keyring(*owners))
    expected = parse((RELEASED / "key-groups.yaml.plain").read_bytes(), format_for_name("yaml"))
    assert content(opened) == content(expected)


@pytest.mark.parametrize("owner", ["alice", "bob", "cluster"])
def test_one_of_three_key_groups_does_not_open_the_file(owner: str) -> None:
    with pytest.raises(KeyAccessError):
        open_path(RELEASED / "key-groups.yaml", keyring(owner))


@pytest.mark.parametrize(
    "case", [case for case in CASES if case not in (FOR_PGP_ONLY, "two-recipients.yaml", "hybrid.yaml")]
)
def test_the_mac_of_another_file_is_refused(case: str) -> None:
    source = (RELEASED / case).read_bytes()
    other = (RELEASED / "two-recipients.yaml").read_bytes()
    mac, another = (
        crypt.load(text, format_for_path(name)).metadata.mac for text, name in ((source, case), (other, "a.yaml"))
    )
    with pytest.raises(IntegrityError):
        crypt.open_file(
            crypt.load(source.replace(mac.encode(), another.encode()), format_for_path(case)), keyring("alice", "bob")
        )


# --- Flux


def flux_keys(name: str) -> FixedKeyring:
    """The identities in one of Flux's key files."""
    lines = (FLUX / "keys" / name).read_text().splitlines()
    return FixedKeyring(tuple(age.parse_identity(line) for line in lines if line and not line.startswith("#")))


@pytest.mark.parametrize("name", FLUX_VALUES)
def test_a_file_of_flux_opens(name: str) -> None:
    key, values = FLUX_VALUES[name]
    opened = open_path(FLUX / name, flux_keys(key))
    assert {leaf.key: leaf.value for leaf in opened.leaves() if leaf.key in values} == values


def test_a_file_of_flux_does_not_open_with_another_key() -> None:
    with pytest.raises(KeyAccessError):
        open_path(FLUX / "algorithms" / "age.yaml", flux_keys("age-global.txt"))


def test_an_encrypted_file_inside_a_secret_of_flux_opens() -> None:
    secret = parse((FLUX / "inside" / "secret.yaml").read_bytes(), format_for_name("yaml"))
    nested = next(leaf.value for leaf in secret.leaves() if leaf.path == ("data", "key"))
    opened = crypt.open_file(crypt.load(base64.b64decode(nested), format_for_name("binary")), flux_keys("age.txt"))
    assert opened.plain.to_bytes() == b"value"
    assert all(isinstance(item, Leaf) for item in opened.plain.items)

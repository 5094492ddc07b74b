"""Rounds of a branch, a key or a server that is not as it should be: nothing is written, nothing is deleted.

In each the branch also asks for a change and for a deletion, so that there would be something to write.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

import pytest

from sopskit.deploy.reconcile.access import Access
from sopskit.errors import UnreachableError
from tests.cluster.apiserver import MERGE
from tests.cluster.faults import FOREVER, Cut, Refuse
from tests.deploy.reconcile.rounds import BEFORE, Told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey
    from tests.deploy.reconcile.rounds import Rounds

HALF = ("s0", "s2")
BOMB = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
BOMB += [
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
ABSENT = "URL: no Git repository is there, or the credentials may not see it"
EMPTY = "the folder builds no object at all, and that is not taken for an order to delete"


class Fault(NamedTuple):
    """What is wrong, and what the round says of it: a reason, and its message (a part of it)."""

    happen: Callable[[Rounds, AgeTestKey], object]
    reason: str
    message: str


def no_files(rounds: Rounds) -> None:
    for path in rounds.dev.iterdir():
        path.unlink()


def only(name: str, text: str) -> Callable[[Rounds, AgeTestKey], None]:
    def happen(rounds: Rounds, other: AgeTestKey) -> None:
        no_files(rounds)
        rounds.plain(f"dev/{name}", text)

    return happen


def also(name: str, text: str) -> Callable[[Rounds, AgeTestKey], object]:
    return lambda rounds, other: rounds.plain(f"dev/{name}", text)


def half(change: Callable[[Path], object]) -> Callable[[Rounds, AgeTestKey], object]:
    return lambda rounds, other: [change(rounds.dev / f"{name}.yaml") for name in HALF]


def linked(target: str) -> Callable[[Rounds, AgeTestKey], object]:
    def change(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return half(change)


def half_for_another_key(rounds: Rounds, other: AgeTestKey) -> None:
    for name in HALF:
        rounds.write(name, key=other, a="after")


def no_key_secret(rounds: Rounds, other: AgeTestKey) -> None:
    rounds.cluster.request("DELETE", f"/api/v1/namespaces/{rounds.namespace}/secrets/keys")


def git_server(name: str, value: object) -> Callable[[Rounds, AgeTestKey], object]:
    return lambda rounds, other: setattr(rounds.server, name, value)


BY_HAND = half(lambda path: path.write_text(path.read_text().replace(f"name: {path.stem}", f"name: {path.stem}x")))
FAULTS = {
    "empty tree": Fault(lambda rounds, other: no_files(rounds), "SourceRefused", "the branch has no folder dev"),
    "no manifest": Fault(only("README.md", "text\n"), "SourceRefused", EMPTY),
    "empty kustomization": Fault(only("kustomization.yaml", "resources: []\n"), "SourceRefused", EMPTY),
    "empty file": Fault(only("a.yaml", "# nothing\n"), "SourceRefused", EMPTY),
    "another key": Fault(
        lambda rounds, other: rounds.give(other),
        "KeyMissing",
        "dev/s0.yaml: no private key at hand opens this file; encrypted for KEY",
    ),
    "no Secret of keys": Fault(no_key_secret, "KeyUnavailable", "there is no Secret keys in the namespace NS"),
    "no key in it": Fault(
        lambda rounds, other: rounds.secret("keys", {"notes": "text"}),
        "KeyUnavailable",
        "Secret keys: there is no private key in it",
    ),
    "a broken key": Fault(
        lambda rounds, other: rounds.secret("keys", {"a.agekey": "AGE-SECRET-KEY-1NOT"}),
        "KeyUnavailable",
        "Secret keys/a.agekey:1: not an age identity",
    ),
    "half for another key": Fault(
        half_for_another_key,
        "KeyMissing",
        "dev/s0.yaml: no private key at hand opens this file; encrypted for OTHER",
    ),
    "half cut off": Fault(
        half(lambda path: path.write_bytes(path.read_bytes()[:-200])), "SourceRefused", "dev/s0.yaml: "
    ),
    "half changed by hand": Fault(
        BY_HAND, "IntegrityFailed", "dev/s0.yaml: the MAC does not fit the values of the file"
    ),
    "links to nowhere": Fault(
        linked("nowhere.yaml"), "SourceRefused", "dev/s0.yaml: cannot be read: no such file or directory"
    ),
    "links that lead out": Fault(
        linked("../../../etc/passwd"), "SourceRefused", "dev/s0.yaml: the symbolic link leads out of the repository"
    ),
    "a resource is missing": Fault(
        also("kustomization.yaml", "resources: [s0.yaml, nowhere.yaml]\n"),
        "SourceRefused",
        "dev/kustomization.yaml: [\"resources\"][1]: 'nowhere.yaml' is no file or folder here",
    ),
    "broken YAML": Fault(also("b.yaml", "a: [\n"), "BuildFailed", "dev/b.yaml: what was built cannot be read: "),
    "many aliases": Fault(
        also("b.yaml", "\n".join(BOMB)), "SourceRefused", "dev/b.yaml:6:8: aliases add more than the limit"
    ),
    "a conflict of a merge": Fault(
        half(lambda path: path.write_text(f"<<<<<<< HEAD\n{path.read_text()}")), "SourceRefused", "dev/s0.yaml:1:1: "
    ),
    "a pointer to large files": Fault(
        also("b.yaml", POINTER), "BuildFailed", "dev/b.yaml: what was built cannot be read: "
    ),
    "another encoding": Fault(
        half(lambda path: path.write_bytes(path.read_text().encode("utf-16"))), "BuildFailed", "dev/s0.yaml: "
    ),
    "two kustomizations": Fault(
        lambda rounds, other: [rounds.plain(f"dev/{name}", "") for name in ("kustomization.yaml", "Kustomization")],
        "SourceRefused",
        "dev: more than one kustomization file in a folder",
    ),
    "deep nesting": Fault(also("b.yaml", "a: " + "[" * 20_000), "SourceRefused", "dev/b.yaml:1:1003: nested deeper"),
    "no object": Fault(also("b.yaml", "a: b\n"), "BuildFailed", "has no apiVersion or kind"),
    "unknown kind": Fault(
        also("b.yaml", "apiVersion: example.org/v1\nkind: Nothing\nmetadata: {name: x}\n"),
        "ApplyRefused",
        "1 object is refused, so nothing was applied: Nothing.example.org x: the cluster has no kind Nothing in example.org/v1",
    ),
    "twice the same object": Fault(
        also("b.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s0}\n"),
        "ApplyRefused",
        "1 object is refused, so nothing was applied: Secret NS/s0: is there twice",
    ),
    "an invalid object": Fault(
        also("b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {'a/b': c}\n"),
        "ApplyRefused",
        "1 object is refused, so nothing was applied: ConfigMap NS/x: the API server finds it invalid (Invalid): data",
    ),
    "expired token": Fault(
        git_server("token", "another"), "FetchFailed", "URL: the credentials were refused, or there are none"
    ),
    "broken Git server": Fault(
        git_server("status", 500), "FetchFailed", "URL: the server answers with HTTP status 500"
    ),
    "no repository": Fault(git_server("status", 404), "FetchFailed", ABSENT),
    "no Git at all": Fault(git_server("garbage", b"hello"), "FetchFailed", ABSENT),
}
API_FAULTS: dict[str, tuple[Cut | Refuse, str, str]] = {
    "unknown token": (Refuse(401), "", "the API server does not know who you are (Unauthorized)"),
    "busy": (Refuse(429), "", "API is busy (TooManyRequests) for 0.3 seconds"),
    "broken": (Refuse(503), "", "API answers with an error of its own (HTTP 503) for 0.3 seconds"),
    "away": (Cut.BEFORE, "", "no answer from API within 0.3 seconds"),
    "half an answer": (Cut.MIDDLE, "", "no answer from API within 0.3 seconds"),
    "away while objects are listed": (
        Cut.BEFORE,
        r"metadata|/secrets\?|configmaps",
        "no answer from API within 0.3 seconds",
    ),
    "away while objects are tried": (Cut.BEFORE, "dryRun", "no answer from API within 0.3 seconds"),
    "unknown token when objects are tried": (
        Refuse(401),
        "s1.*dryRun",
        "1 object is refused, so nothing was applied: Secret NS/s1: the API server does not know who you are (Unauthorized)",
    ),
}


@pytest.fixture
def asked(rounds: Rounds) -> Rounds:
    """The repository has a change and a deletion that are not pushed."""
    rounds.write("s1", a="after")
    (rounds.dev / "s3.yaml").unlink()
    return rounds


def assert_good_again(rounds: Rounds) -> None:
    """What was in the cluster is as it was, and once the fault is over a round finds so."""
    assert rounds.values() == BEFORE
    rounds.back()
    assert rounds.told() == Told("unchanged", "Applied", "4 objects as in COMMIT")


@pytest.mark.parametrize("name", FAULTS)
def test_of_what_is_not_all_there_nothing_is_applied_or_deleted(asked: Rounds, bob: AgeTestKey, name: str) -> None:
    fault = FAULTS[name]
    fault.happen(asked, bob)
    asked.push()
    found = asked.told()
    wanted = fault.message.replace("KEY", asked.key.recipient).replace("OTHER", bob.recipient)
    assert (found.outcome, found.reason) == ("failed", fault.reason)
    assert wanted in found.message
    assert asked.written() == []
    assert_good_again(asked)


@pytest.mark.parametrize("name", API_FAULTS)
def test_an_api_server_that_fails_is_told_nothing_to_do(asked: Rounds, name: str) -> None:
    fault, path, message = API_FAULTS[name]
    asked.push()
    asked.proxy.inject(fault, path=path, times=FOREVER)
    found = asked.told()
    assert (found.outcome, found.message) == ("failed", message)
    assert found.reason == ("ApplyRefused" if found.lines else "ClusterUnreachable")
    assert asked.written() == []
    assert_good_again(asked)


def test_a_branch_that_is_deleted_deletes_nothing(asked: Rounds) -> None:
    asked.git("-C", str(asked.remote), "update-ref", "-d", "refs/heads/main")
    assert asked.told() == Told("failed", "FetchFailed", "URL: there is no branch 'main'")
    assert asked.written() == []
    assert_good_again(asked)


def test_a_forced_push_of_another_history_with_the_same_files_changes_nothing(asked: Rounds) -> None:
    asked.git("checkout", "-q", "--force", "--orphan", "other", asked.first)
    assert asked.push("another history") != asked.first
    assert asked.git("rev-list", "--count", "HEAD") == "1"
    assert asked.told() == Told("unchanged", "Applied", "4 objects as in COMMIT")
    assert asked.written() == []
    assert_good_again(asked)


def test_a_repository_that_is_made_anew_is_fetched_anew(asked: Rounds) -> None:
    away = asked.remotes / "away.git"
    asked.remote.rename(away)
    assert asked.told() == Told("failed", "FetchFailed", ABSENT)
    asked.git("init", "-q", "--bare", "-b", "main", str(asked.remote))
    assert asked.told() == Told("failed", "FetchFailed", "URL: there is no branch 'main'")
    assert asked.written() == []
    assert_good_again(asked)


def test_a_store_that_is_damaged_is_made_anew(asked: Rounds) -> None:
    for path in (asked.scratch / "stores").rglob("*.pack"):
        path.chmod(0o600)
        path.write_bytes(b"damaged")
    found = asked.told()
    assert (found.outcome, found.reason) == ("failed", "FetchFailed")
    assert asked.written() == []
    assert_good_again(asked)


def test_a_scratch_folder_that_cannot_be_used_is_told(asked: Rounds) -> None:
    stores = asked.scratch / "stores"
    stores.rename(asked.scratch / "away")
    stores.touch()
    found = asked.told()
    assert found[:2] == ("failed", "FetchFailed")
    assert found.message == "the system that the reconciler runs on refuses: file exists"
    assert asked.written() == []
    stores.unlink()
    (asked.scratch / "away").rename(stores)
    assert_good_again(asked)


def test_a_connection_that_ends_in_its_handshake_is_no_answer(asked: Rounds, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        accepted: list[int] = []

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    nobody.accept()[0].close()
                    accepted.append(1)

        thread = Thread(target=hang_up)
        thread.start()
        url = f"https://127.0.0.1:{nobody.getsockname()[1]}"
        config = asked.cluster.kubeconfig(tmp_path / "kubeconfig", server=url)
        with pytest.raises(UnreachableError, match=r"^no answer from "):
            Access((str(config),), patience=0.5).connect().get("/version")
        nobody.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert len(accepted) > 1


def test_an_inventory_that_cannot_be_read_deletes_nothing(asked: Rounds) -> None:
    asked.push()
    name = f"sopskit-inventory-{asked.source().owner}"
    path = f"/api/v1/namespaces/{asked.namespace}/configmaps/{name}"
    before = asked.cluster.request("GET", path).json["data"]
    for data in ({"objects": "[[1]]"}, {"objects": "{"}):
        assert asked.cluster.request("PATCH", path, {"data": data}, content_type=MERGE).status == 200
        message = f"the inventory {name} in {asked.namespace} cannot be read".replace(asked.namespace, "NS")
        assert asked.told() == Told("failed", "ApplyRefused", message)
    assert asked.written() == []
    assert asked.cluster.request("PATCH", path, {"data": before}, content_type=MERGE).status == 200
    assert_good_again(asked)

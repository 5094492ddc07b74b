"""A folder that is not all there, after it was: nothing is written to the cluster, nothing is deleted from it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cli.applying import ENCRYPTED, Case, made_case, manifest
from tests.cluster.faults import FOREVER, Cut, Refuse
from tests.deploy.apply.applying import names_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey

NAMES = [f"s{number}" for number in range(6)]


@pytest.fixture
def case(
    tmp_path: Path, cluster: Cluster, proxy: Proxy, namespace: str, tool: Callable[[str], str], alice: AgeTestKey
) -> Case:
    """Six Secrets and one more, in the cluster already."""
    made = made_case(tmp_path, cluster, namespace, tool, alice)
    made.use(server=proxy.url)
    for name in NAMES:
        made.tree.encrypted(f"dev/{name}.yaml", manifest(name, a="before"), *ENCRYPTED)
    assert made.apply("--name", "dev").code == 0
    proxy.clear()
    return made


def half(case: Case) -> list[Path]:
    return [case.tree.folder / "dev" / f"{name}.yaml" for name in NAMES[::2]]


def changed(case: Case) -> None:
    """There is something to apply, and something to delete."""
    (case.tree.folder / "dev" / "s5.yaml").unlink()
    case.tree.encrypted("dev/s1.yaml", manifest("s1", a="after"), *ENCRYPTED)


def wrong_key(case: Case, bob: AgeTestKey) -> None:
    case.environ["SOPS_AGE_KEY"] = bob.identity


def no_key(case: Case, bob: AgeTestKey) -> None:
    case.environ["SOPS_AGE_KEY"] = ""


def half_for_another_key(case: Case, bob: AgeTestKey) -> None:
    case.tree.key = bob
    for path in half(case):
        case.tree.encrypted(f"dev/{path.name}", manifest(path.stem, a="after"), *ENCRYPTED)


def half_cut_off(case: Case, bob: AgeTestKey) -> None:
    for path in half(case):
        path.write_bytes(path.read_bytes()[:-200])


def half_changed_by_hand(case: Case, bob: AgeTestKey) -> None:
    for path in half(case):
        path.write_text(path.read_text().replace(f"name: {path.stem}", f"name: {path.stem}x"))


def half_no_files(case: Case, bob: AgeTestKey) -> None:
    for path in half(case):
        path.unlink()
        path.symlink_to(path.with_name("nowhere.yaml"))


def folder_gone(case: Case, bob: AgeTestKey) -> None:
    shutil.rmtree(case.tree.folder / "dev")


def folder_empty(case: Case, bob: AgeTestKey) -> None:
    for path in (case.tree.folder / "dev").iterdir():
        path.unlink()


def kustomization_without_a_file(case: Case, bob: AgeTestKey) -> None:
    case.tree.plain("dev/kustomization.yaml", "resources: [s0.yaml, nowhere.yaml]\n")


@pytest.mark.parametrize(
    "loss",
    [
        wrong_key,
        no_key,
        half_for_another_key,
        half_cut_off,
        half_changed_by_hand,
        half_no_files,
        folder_gone,
        folder_empty,
        kustomization_without_a_file,
    ],
)
def test_a_folder_that_is_not_all_there_writes_and_deletes_nothing(
    case: Case, proxy: Proxy, bob: AgeTestKey, loss: Callable[[Case, AgeTestKey], None]
) -> None:
    changed(case)
    loss(case, bob)
    done = case.apply("--name", "dev", "--prune", "--yes")
    assert (done.code != 0, done.out) == (True, b"")
    # that nothing is left is seen only beside the inventory
    assert {item.method for item in proxy.exchanges} == ({"GET"} if loss is folder_empty else set())
    assert names_in(case.cluster, case.namespace) == ["app", *NAMES]


@pytest.mark.parametrize("fault", [Cut.BEFORE, Refuse(401), Refuse(503)], ids=str)
def test_an_api_server_that_does_not_answer_is_asked_for_nothing_else(
    case: Case, proxy: Proxy, fault: Cut | Refuse
) -> None:
    changed(case)
    proxy.inject(fault, times=FOREVER)
    done = case.apply("--name", "dev", "--prune", "--yes", "--retry-for", "0.2")
    assert (done.code, done.out) == (1, b"")
    assert {item.method for item in proxy.exchanges} == {"GET"}
    assert names_in(case.cluster, case.namespace) == ["app", *NAMES]


def test_the_same_change_with_everything_there_is_made(case: Case) -> None:
    changed(case)
    assert case.lines("--name", "dev", "--prune", "--yes") == [
        "~ Secret NS/s1",
        "- Secret NS/s5",
        "1 changed, 5 unchanged, 1 deleted",
    ]

"""Large files, of one document or of many: the time of a review grows as they do, not with their square."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from benchmarks.gitops import START
from benchmarks.sealed import Person, Sealer
from sopskit.review.request import Options
from sopskit.workflow.review import review_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sopskit.review.model import ReviewDiff

HEAD = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: dev\n"
SMALL, LARGE = 400, 1600
# four times the work; with the square it were sixteen times
LIMIT = 10


def one_document(size: int, value: str) -> str:
    """A Secret of many entries."""
    return f"{HEAD.format(name='one')}stringData:\n" + "".join(f"  KEY_{n}: {value}-{n}\n" for n in range(size))


def many_documents(size: int, value: str) -> str:
    """Many Secrets of one entry, and a comment in each."""
    secrets = (f"{HEAD.format(name=n)}stringData:\n  # about {n}\n  KEY: {value}-{n}\n" for n in range(size // 2))
    return "---\n".join(secrets)


def a_list(size: int, value: str) -> str:
    """The items of a List."""
    items = (
        f"  - apiVersion: v1\n    kind: Secret\n    metadata:\n      name: s{n}\n    data:\n      KEY: {value}{n:04}\n"
        for n in range(size // 2)
    )
    return "apiVersion: v1\nkind: List\nitems:\n" + "".join(items)


def seconds(folder: Path, make: Callable[[int, str], str], size: int, *, keyed: bool) -> tuple[float, ReviewDiff]:
    """The processor time of a review of a file in which every value is another one, the best of three."""
    alice = Person.read("alice")
    sealer = Sealer([alice], START)
    old, new = folder / "old.yaml", folder / "new.yaml"
    for file, value in ((old, "b2xk"), (new, "bmV3")):
        file.write_bytes(sealer.seal("a.yaml", make(size, value).encode(), [alice.recipient]))
    options = Options(keyring=sealer.keyring if keyed else None, now=START + timedelta(days=1))
    times = []
    for _ in range(3):
        start = time.process_time()
        result = review_files(old, new, options)
        times.append(time.process_time() - start)
    return min(times), result


@pytest.mark.parametrize("keyed", [False, True], ids=["keyless", "keyed"])
@pytest.mark.parametrize("make", [one_document, many_documents, a_list])
def test_the_time_of_a_review_grows_with_the_size_of_a_file(
    tmp_path: Path, make: Callable[[int, str], str], keyed: bool
) -> None:
    seconds(tmp_path, make, 10, keyed=keyed)  # what is imported and compiled once
    small, _ = seconds(tmp_path, make, SMALL, keyed=keyed)
    large, result = seconds(tmp_path, make, LARGE, keyed=keyed)
    assert len(result.files[0].changes) >= LARGE // 2
    assert large / small < LIMIT

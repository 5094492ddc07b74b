"""Sources in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.reconcile.listing import FileListing
from sopskit.deploy.reconcile.source import BadSource, Source, SourceId
from sopskit.errors import ConfigError, FileAccessError, SopskitError

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
apiVersion: reconcile.sopskit/v1alpha1
kind: SopsSource
metadata: {{name: {name}, namespace: team-a}}
spec:
  repository: https://git.example.org/config.git
  path: k8s/gitops/{name}
  keys: {{secretRef: {{name: sops}}}}
  interval: {interval}
"""


def listing(tmp_path: Path, text: str) -> FileListing:
    path = tmp_path / "sources.yaml"
    path.write_text(text)
    return FileListing(path)


def test_every_document_is_a_source_and_a_bad_one_stands_beside_the_others(tmp_path: Path) -> None:
    text = "---\n".join(SOURCE.format(name=name, interval=every) for name, every in (("dev", "1m"), ("qa", "soon")))
    found = [item.source for item in listing(tmp_path, text).read()]
    assert [type(source) for source in found] == [Source, BadSource]
    assert [source.id for source in found] == [SourceId("team-a", "dev"), SourceId("team-a", "qa")]


def test_the_file_is_read_each_time(tmp_path: Path) -> None:
    file = listing(tmp_path, SOURCE.format(name="dev", interval="1m"))
    assert len(file.read()) == 1
    (tmp_path / "sources.yaml").write_text("")
    assert file.read() == []


BROKEN: list[tuple[str, type[SopskitError], str]] = [
    ("a: [", ConfigError, "is not valid YAML"),
    ("kind: Secret\n", ConfigError, "has a document that is no SopsSource of reconcile.sopskit/v1alpha1"),
    ("[1]\n", ConfigError, "has a document that is no SopsSource of reconcile.sopskit/v1alpha1"),
    (
        "---\n".join([SOURCE.format(name="dev", interval="1m")] * 2),
        ConfigError,
        "has two sources of the same name",
    ),
]


@pytest.mark.parametrize(("text", "kind", "message"), BROKEN)
def test_a_file_that_is_not_understood_as_a_whole_is_no_list(
    tmp_path: Path, text: str, kind: type[SopskitError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        listing(tmp_path, text).read()
    assert caught.value.message == message


def test_a_file_that_is_not_there_is_no_empty_list(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError):
        FileListing(tmp_path / "none.yaml").read()

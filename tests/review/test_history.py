"""The history of one file: real sops files, revisions put together by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.errors import LimitError
from sopskit.git import CommitInfo, Revision, TreeEntry
from sopskit.review.history import FileHistory, KeyFilter, ages

if TYPE_CHECKING:
    from sopskit.review.history import Entry
    from tests.review.conftest import Sops

PLAIN = "stringData:\n  user: canary-user\n  password: canary-one\n  tls.crt: canary-crt\nkind: Secret\n"
RULE = ("--encrypted-regex", "^stringData$")
NAME = b"file.yaml"


class Story:
    """Versions of a file, oldest first, and the history that they make."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.revisions: list[Revision] = []

    def add(self, *versions: bytes | None, name: bytes = NAME) -> Story:
        """The next commits; None deletes the file."""
        for data in versions:
            number = len(self.revisions)
            parent = self.revisions[-1].head if self.revisions else None
            head = None if data is None else self.entry(data, name)
            commit = CommitInfo(f"commit{number}", (f"commit{number - 1}",), "A", "a@b", number, number, "")
            self.revisions.append(Revision(commit, head, (parent,)))
        return self

    def entry(self, data: bytes, name: bytes = NAME) -> TreeEntry:
        id = next((id for id, known in self.blobs.items() if known == data), f"blob{len(self.blobs)}")
        self.blobs[id] = data
        return TreeEntry(name, 0o100644, id)

    def history(self, cut_off: str | None = None) -> FileHistory:
        return FileHistory(self.revisions[::-1], self.blobs.__getitem__, lambda commit: commit.id == cut_off)

    def entries(self, cut_off: str | None = None) -> list[Entry]:
        return list(self.history(cut_off).entries())


def told(entry: Entry) -> tuple[str, list[str], list[tuple[str, str]]]:
    """Commit, operations, changed keys."""
    changes: list[tuple[str, str]] = [(".".join(map(str, change.path)), change.change) for change in entry.changes]
    return entry.commit.id, [one.id for one in entry.operations], changes


def edited(sops: Sops, key: str, value: str) -> bytes:
    sops("set", "file.yaml", f'["stringData"]["{key}"]', f'"{value}"')
    return sops.bytes()


def rotated(sops: Sops) -> bytes:
    sops("rotate", "-i", "file.yaml")
    return sops.bytes()


def test_each_commit_tells_what_it_did_newest_first(sops: Sops) -> None:
    story = Story().add(PLAIN.encode(), sops.encrypted(PLAIN, *RULE))
    story.add(edited(sops, "password", "canary-two"), rotated(sops), None)
    deleted, *rest = story.entries()
    assert (deleted.commit.id, [one.id for one in deleted.operations]) == ("commit4", ["delete"])
    encrypted = [(f"stringData.{key}", "encrypted") for key in ("user", "password", "tls.crt")]
    assert [told(entry) for entry in rest[:3]] == [
        ("commit3", ["rotate"], []),
        ("commit2", ["edit"], [("stringData.password", "changed")]),
        ("commit1", ["encrypt"], encrypted),
    ]
    assert [one.id for one in rest[3].operations] == ["create"]


def test_nothing_of_a_value_is_in_an_entry(sops: Sops) -> None:
    story = Story().add(PLAIN.encode(), sops.encrypted(PLAIN, *RULE), edited(sops, "password", "canary-two"))
    assert "canary" not in repr([(entry, ages(story.history().newest(), [entry])) for entry in story.entries()])


def test_a_version_that_cannot_be_read_is_told_and_bridged(sops: Sops) -> None:
    story = Story().add(sops.encrypted(PLAIN, *RULE), b"a: [canary\n", b"<<<<<<<\n")
    story.add(edited(sops, "password", "canary-two"))
    newest, second, first, _ = story.entries()
    assert told(newest) == ("commit3", ["edit"], [("stringData.password", "changed")])
    assert newest.compared_with == "commit0"
    assert [(entry.problem is not None, entry.operations, entry.changes) for entry in (second, first)] == [
        (True, (), ())
    ] * 2
    assert "canary" not in (first.problem or "")


def test_a_version_that_is_too_large_or_no_file_is_told(sops: Sops) -> None:
    story = Story().add(sops.encrypted(PLAIN, *RULE))
    link = TreeEntry(NAME, 0o120000, "link")
    story.revisions.append(Revision(story.revisions[0].commit._replace(id="commit1"), link, (story.revisions[0].head,)))

    def refuse(id: str) -> bytes:
        raise LimitError("too large")

    history = FileHistory(story.revisions[::-1], refuse, lambda commit: False)
    assert [entry.problem for entry in history.entries()] == ["a symbolic link or submodule, no file", "too large"]
    assert history.newest() is None


def test_a_content_that_came_back_is_a_revert(sops: Sops) -> None:
    first = sops.encrypted(PLAIN, *RULE)
    story = Story().add(first, edited(sops, "password", "canary-two"), first)
    entry = story.entries()[0]
    assert told(entry) == ("commit2", ["revert"], [("stringData.password", "changed")])
    assert entry.operations[0].args == {"commit": "commit0"}


def test_a_move_and_a_mode_change_no_value(sops: Sops) -> None:
    data = sops.encrypted(PLAIN, *RULE)
    story = Story().add(data).add(data, name=b"new.yaml").add(data, name=b"new.yaml")
    assert [(entry.path, entry.operations[0].explanation, entry.changes) for entry in story.entries()[:2]] == [
        ("new.yaml", "only the file mode changed", ()),
        ("new.yaml", "renamed, nothing in it changed", ()),
    ]


def test_of_a_merge_only_what_neither_parent_had_is_told(sops: Sops) -> None:
    base = sops.encrypted(PLAIN, *RULE)
    one = edited(sops, "user", "canary-1")
    both = edited(sops, "password", "canary-2")
    merged = edited(sops, "tls.crt", "canary-3")
    (sops.folder / "file.yaml").write_bytes(base)
    other = edited(sops, "password", "canary-2")
    assert both != other
    story = Story().add(merged)
    story.revisions[0] = story.revisions[0]._replace(parents=(story.entry(one), story.entry(other)))
    changed = [key for key, _ in told(story.entries()[0])[2]]
    assert changed == ["stringData.password", "stringData.tls.crt"]
    story.revisions[0] = story.revisions[0]._replace(parents=(story.entry(one), story.entry(both)))
    assert told(story.entries()[0])[2] == [("stringData.tls.crt", "changed")]


def test_where_a_shallow_clone_ends_nothing_is_called_new(sops: Sops) -> None:
    story = Story().add(sops.encrypted(PLAIN, *RULE), edited(sops, "password", "canary-two"))
    newest, oldest = story.entries(cut_off="commit0")
    assert (newest.cut_off, oldest.cut_off, oldest.operations, oldest.changes) == (False, True, (), ())
    known = {one.path[-1]: one.last for one in ages(story.history().newest(), story.entries(cut_off="commit0"))}
    assert known == {"user": None, "tls.crt": None, "kind": None, "password": newest}


# --- one key


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ("stringData.password", ["password"]),
        ("stringData.tls.crt", ["tls.crt"]),
        ('stringData["tls.crt"]', ["tls.crt"]),
        (("stringData", "tls.crt"), ["tls.crt"]),
        ("stringData", ["user", "password", "tls.crt"]),
        (("stringData",), ["user", "password", "tls.crt"]),
        ("stringData.pass", []),
        ("password", []),
        ("", []),
    ],
)
def test_a_key_is_named_as_people_write_it(sops: Sops, wanted: str | tuple[str, ...], keys: list[str]) -> None:
    story = Story().add(PLAIN.encode(), sops.encrypted(PLAIN, *RULE))
    entry = KeyFilter(wanted).pick(story.entries()[0])
    assert [change.path[-1] for change in (entry.changes if entry else ())] == keys


def test_a_key_is_followed_to_where_its_value_stood_before(sops: Sops) -> None:
    first = sops.encrypted("stringData:\n  hosts:\n    - canary-a\n    - canary-b\n", *RULE)
    sops("set", "file.yaml", '["stringData"]["hosts"][1]', '"canary-c"')
    second = sops.bytes()
    sops("unset", "file.yaml", '["stringData"]["hosts"][0]')
    story = Story().add(first, second, sops.bytes())
    wanted = KeyFilter("stringData.hosts[0]")
    picked = [told(entry) for entry in map(wanted.pick, story.entries()) if entry is not None]
    assert [(commit, changes) for commit, _, changes in picked] == [
        ("commit2", [("stringData.hosts.0", "moved"), ("stringData.hosts.0", "removed")]),
        ("commit1", [("stringData.hosts.1", "changed")]),
        ("commit0", [("stringData.hosts.0", "added"), ("stringData.hosts.1", "added")]),
    ]
    assert seen(story) == {"0": ("commit1", None, False)}


# --- ages


def seen(story: Story) -> dict[str, tuple[str | None, str | None, bool]]:
    """Of each encrypted key: since when, perhaps since when, whether it was plain text."""
    return {
        str(one.path[-1]): (
            one.last.commit.id if one.last else None,
            one.perhaps.commit.id if one.perhaps else None,
            one.was_plain,
        )
        for one in ages(story.history().newest(), story.entries())
        if one.encrypted
    }


def test_a_value_is_as_old_as_its_last_change_whatever_was_rotated_since(sops: Sops) -> None:
    story = Story().add(sops.encrypted(PLAIN, *RULE), edited(sops, "password", "canary-two"), rotated(sops))
    story.add(edited(sops, "token", "canary-token"))
    assert seen(story) == {
        "user": ("commit0", None, False),
        "password": ("commit1", None, False),
        "tls.crt": ("commit0", None, False),
        "token": ("commit3", None, False),
    }


def test_a_value_that_was_plain_text_says_so_until_it_is_another(sops: Sops) -> None:
    story = Story().add(PLAIN.encode(), sops.encrypted(PLAIN, *RULE), edited(sops, "password", "canary-two"))
    assert seen(story) == {
        "user": ("commit0", "commit1", True),
        "password": ("commit2", None, False),
        "tls.crt": ("commit0", "commit1", True),
    }


def test_what_was_encrypted_anew_may_be_another_value(sops: Sops) -> None:
    story = Story().add(sops.encrypted(PLAIN, *RULE), sops.encrypted(PLAIN, *RULE))
    assert seen(story)["user"] == ("commit0", "commit1", False)


def test_a_file_that_cannot_be_read_at_all_has_no_keys() -> None:
    story = Story().add(b"a: [")
    assert ages(story.history().newest(), story.entries()) == []

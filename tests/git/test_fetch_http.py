"""A branch over HTTP and HTTPS, from a real server on loopback."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import GitError, LimitError
from sopskit.git import fetch as fetching
from sopskit.git.checkout import check_out
from sopskit.git.fetch import Reason, Remote, RemoteError, Token, commit_object, fetch, head
from sopskit.secret import SecretStr
from tests.cluster.certificates import Authority
from tests.git.servers import HttpServer
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = "canary-71c2"
FILES: dict[str | bytes, bytes] = {"k8s/app.yaml": b"kind: Secret\n", "README": b"two\r\nlines\n"}


@pytest.fixture
def work(tmp_path: Path, tool: Callable[[str], str]) -> Git:
    """A work tree whose remote is the bare repository `served/team.git`."""
    tool("git")
    (tmp_path / "served").mkdir()
    git = init(tmp_path / "work")
    git("init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "served/team.git"))
    git("remote", "add", "origin", str(tmp_path / "served/team.git"))
    return git


@pytest.fixture
def server(work: Git, tmp_path: Path) -> Iterator[HttpServer]:
    with HttpServer(tmp_path / "served", token=CANARY) as server:
        yield server


@pytest.fixture
def remote(server: HttpServer) -> Remote:
    return Remote(server.url("team.git"), "main", server.credentials)


@pytest.fixture
def search_path() -> str:
    return os.environ["PATH"]


def push(work: Git, files: dict[str | bytes, bytes]) -> str:
    commit = work.commit(files)
    work("push", "--quiet", "--force", "origin", "HEAD:main")
    return commit


def refusal(remote: Remote, search_path: str, store: Path | None = None, seconds: float = 20.0) -> RemoteError:
    ask = head if store is None else functools.partial(fetch, store=store)
    with pytest.raises(RemoteError) as caught:
        ask(remote, search_path=search_path, seconds=seconds)
    error = caught.value
    assert CANARY not in f"{error} {error.hint} {error!r}"
    assert error.__suppress_context__ or error.__context__ is None
    return error


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- what is there


def test_head_is_the_branch_and_no_other_of_a_longer_name(work: Git, remote: Remote, search_path: str) -> None:
    first = push(work, FILES)
    work.commit({"b": b""})
    work("push", "--quiet", "origin", "HEAD:main2", "HEAD:prefix/main")
    assert head(remote, search_path) == first


def test_head_asks_twice_on_version_2_and_once_on_version_0(
    work: Git, server: HttpServer, remote: Remote, search_path: str
) -> None:
    commit = push(work, FILES)
    assert head(remote, search_path) == commit
    asked = len(server.requests)
    server.version_2 = False
    assert head(remote, search_path) == commit
    assert (asked, len(server.requests)) == (2, 3)


def test_a_server_that_closes_after_each_answer(
    work: Git, server: HttpServer, remote: Remote, search_path: str, tmp_path: Path
) -> None:
    commit = push(work, FILES)
    server.closes = True
    assert head(remote, search_path) == commit
    assert fetch(remote, tmp_path / "store", search_path) == commit


def test_many_at_a_time_have_their_own_answers(work: Git, server: HttpServer, search_path: str) -> None:
    commits = {}
    for number in range(5):
        commits[f"b{number}"] = push(work, {"n": b"%d" % number})
        work("push", "--quiet", "origin", f"HEAD:b{number}")
    remotes = [Remote(server.url("team.git"), branch, server.credentials) for branch in [*commits] * 4]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda remote: head(remote, search_path), remotes))
    assert found == [*commits.values()] * 4


def test_head_starts_no_program(work: Git, remote: Remote) -> None:
    commit = push(work, FILES)
    assert head(remote, "/nonexistent") == commit


def test_fetch_brings_the_commit_and_its_files_without_history(
    work: Git, remote: Remote, search_path: str, tmp_path: Path
) -> None:
    push(work, {"old": b"old"})
    work("rm", "--quiet", "old")
    commit = push(work, FILES)
    assert fetch(remote, tmp_path / "store", search_path) == commit
    check_out(tmp_path / "store", commit, tmp_path / "out", search_path)
    assert read(tmp_path / "out") == FILES
    assert Git(tmp_path / "store")("rev-list", "--count", commit) == "1"


def test_fetch_brings_a_sha256_repository(tmp_path: Path, search_path: str, tool: Callable[[str], str]) -> None:
    tool("git")
    (tmp_path / "served").mkdir()
    work = init(tmp_path / "work", "--object-format=sha256")
    bare = tmp_path / "served/team.git"
    work("init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main", str(bare))
    work("remote", "add", "origin", str(bare))
    commit = push(work, FILES)
    with HttpServer(tmp_path / "served") as server:
        assert fetch(Remote(server.url("team.git"), "main"), tmp_path / "store", search_path) == commit
    check_out(tmp_path / "store", commit, tmp_path / "out", search_path)
    assert (len(commit), read(tmp_path / "out")) == (64, FILES)


def test_a_store_of_the_other_object_format_makes_place(
    work: Git, remote: Remote, search_path: str, tmp_path: Path
) -> None:
    work("init", "--quiet", "--bare", "--object-format=sha256", str(tmp_path / "store"))
    commit = push(work, FILES)
    assert fetch(remote, tmp_path / "store", search_path) == commit


def test_commit_object_has_the_commit_s_bytes(work: Git, remote: Remote, search_path: str, tmp_path: Path) -> None:
    push(work, {"old": b"old"})
    commit = push(work, FILES)
    fetch(remote, tmp_path / "store", search_path)
    raw = subprocess.run(["git", "-C", work.folder, "cat-file", "commit", commit], check=True, capture_output=True)
    assert commit_object(tmp_path / "store", commit, search_path) == raw.stdout


def test_commit_object_of_what_was_not_fetched_is_an_error(
    work: Git, remote: Remote, search_path: str, tmp_path: Path
) -> None:
    push(work, FILES)
    fetch(remote, tmp_path / "store", search_path)
    with pytest.raises(GitError, match="is not in this clone"):
        commit_object(tmp_path / "store", "1" * 40, search_path)


def test_a_new_commit_comes_and_the_same_is_not_fetched_again(
    work: Git, server: HttpServer, remote: Remote, search_path: str, tmp_path: Path
) -> None:
    push(work, FILES)
    fetch(remote, tmp_path / "store", search_path)
    commit = push(work, {"new": b"new"})
    assert fetch(remote, tmp_path / "store", search_path) == commit
    asked = len(server.requests)
    assert fetch(remote, tmp_path / "store", search_path) == commit
    assert len(server.requests) - asked == 2
    check_out(tmp_path / "store", commit, tmp_path / "out", search_path)
    assert read(tmp_path / "out") == {**FILES, "new": b"new"}


def test_a_branch_pushed_with_force_is_fetched(work: Git, remote: Remote, search_path: str, tmp_path: Path) -> None:
    push(work, FILES)
    fetch(remote, tmp_path / "store", search_path)
    work("checkout", "--quiet", "--orphan", "other")
    work("rm", "--quiet", "-r", "-f", ".")
    commit = push(work, {"only": b"this"})
    assert fetch(remote, tmp_path / "store", search_path) == commit
    check_out(tmp_path / "store", commit, tmp_path / "out", search_path)
    assert read(tmp_path / "out") == {"only": b"this"}


def test_a_branch_set_back_is_fetched(work: Git, remote: Remote, search_path: str, tmp_path: Path) -> None:
    first = push(work, FILES)
    push(work, {"k8s/app.yaml": b"changed"})
    fetch(remote, tmp_path / "store", search_path)
    work("push", "--quiet", "--force", "origin", f"{first}:main")
    assert fetch(remote, tmp_path / "store", search_path) == first
    check_out(tmp_path / "store", first, tmp_path / "out", search_path)
    assert read(tmp_path / "out") == FILES


def test_a_store_stays_small_and_whole_over_many_fetches(
    work: Git, remote: Remote, search_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sopskit.git.store.MOST_PACKS", 3)
    store = tmp_path / "store"
    commits = []
    for number in range(6):
        commits.append(push(work, {**FILES, "n": b"%d" % number}))
        assert fetch(remote, store, search_path) == commits[-1]
    assert len(list((store / "objects/pack").glob("*.pack"))) <= 3
    for number, commit in enumerate(commits):  # the last hour's, which somebody may be reading
        check_out(store, commit, tmp_path / f"out{number}", search_path)
        assert read(tmp_path / f"out{number}") == {**FILES, "n": b"%d" % number}


@pytest.mark.parametrize("left", ["shallow.lock", "config", "HEAD", "objects/pack"])
def test_a_store_that_is_damaged_is_made_anew(
    work: Git, remote: Remote, search_path: str, tmp_path: Path, left: str
) -> None:
    push(work, FILES)
    store = tmp_path / "store"
    fetch(remote, store, search_path)
    damaged = store / left
    if damaged.is_dir():
        for pack in damaged.iterdir():
            pack.chmod(0o600)
            pack.write_bytes(b"broken")
    else:
        damaged.write_bytes(b"")
    commit = push(work, {"new": b"new"})
    assert fetch(remote, store, search_path) == commit
    check_out(store, commit, tmp_path / "out", search_path)
    assert read(tmp_path / "out") == {**FILES, "new": b"new"}


def test_a_store_that_lost_what_it_had_is_made_anew_by_the_next_fetch(
    work: Git, remote: Remote, search_path: str, tmp_path: Path
) -> None:
    commit = push(work, FILES)
    store = tmp_path / "store"
    for read_it in (
        lambda: commit_object(store, commit, search_path),
        lambda: check_out(store, commit, tmp_path / "out", search_path),
    ):
        assert fetch(remote, store, search_path) == commit
        for pack in (store / "objects/pack").iterdir():
            pack.unlink()
        with pytest.raises(GitError):
            read_it()
    assert fetch(remote, store, search_path) == commit
    check_out(store, commit, tmp_path / "out", search_path)
    assert read(tmp_path / "out") == FILES


def test_a_folder_with_other_things_is_left_alone(work: Git, remote: Remote, search_path: str, tmp_path: Path) -> None:
    push(work, FILES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_bytes(b"precious")
    with pytest.raises(GitError, match="a folder with other things in it cannot take a fetched branch"):
        fetch(remote, tmp_path / "mine", search_path)
    with pytest.raises(GitError, match="not a directory"):
        fetch(remote, tmp_path / "mine/file", search_path)
    assert read(tmp_path / "mine") == {"file": b"precious"}


# --- what is not there


def test_a_branch_that_was_never_there(work: Git, remote: Remote, search_path: str, tmp_path: Path) -> None:
    push(work, FILES)
    error = refusal(remote._replace(branch="gone/ä"), search_path, tmp_path / "store")
    assert (error.reason, str(error)) == (Reason.BRANCH, f"{remote.url}: there is no branch 'gone/ä'")
    assert not (tmp_path / "store").exists()


def test_a_deleted_branch_leaves_the_store_as_it_was(
    work: Git, remote: Remote, search_path: str, tmp_path: Path
) -> None:
    commit = push(work, FILES)
    fetch(remote, tmp_path / "store", search_path)
    work("push", "--quiet", "origin", "HEAD:other")
    Git(tmp_path / "served/team.git")("update-ref", "-d", "refs/heads/main")
    assert refusal(remote, search_path, tmp_path / "store").reason is Reason.BRANCH
    check_out(tmp_path / "store", commit, tmp_path / "out", search_path)
    assert read(tmp_path / "out") == FILES


@pytest.mark.parametrize("version_2", [True, False])
def test_an_empty_repository_has_no_branch(
    server: HttpServer, remote: Remote, search_path: str, *, version_2: bool
) -> None:
    server.version_2 = version_2
    assert refusal(remote, search_path).reason is Reason.BRANCH


def test_a_repository_that_is_not_there(server: HttpServer, search_path: str) -> None:
    error = refusal(Remote(server.url("other.git"), "main", server.credentials), search_path)
    assert error.reason is Reason.REPOSITORY


@pytest.mark.parametrize("garbage", [b"<html>", b"0003", b"0009ERR x", b"00", b"0009a", b"0012x refs/heads/main"])
def test_something_else_than_git_answers(server: HttpServer, remote: Remote, search_path: str, garbage: bytes) -> None:
    server.garbage = garbage
    assert refusal(remote, search_path).reason is Reason.REPOSITORY


def test_an_answer_of_another_type_is_none_of_git(
    work: Git, server: HttpServer, remote: Remote, search_path: str
) -> None:
    server.status = 200
    assert refusal(remote, search_path).reason is Reason.REPOSITORY


# --- credentials


@pytest.mark.parametrize(
    "credentials", [None, Token("git", SecretStr(f"{CANARY}-old")), Token("other", SecretStr(CANARY))]
)
def test_refused_credentials(work: Git, remote: Remote, search_path: str, credentials: Token | None) -> None:
    push(work, FILES)
    assert refusal(remote._replace(credentials=credentials), search_path).reason is Reason.CREDENTIALS


def test_a_token_without_the_right_is_refused(server: HttpServer, remote: Remote, search_path: str) -> None:
    server.status = 403
    assert refusal(remote, search_path).reason is Reason.CREDENTIALS


def test_a_token_that_is_rotated_between_calls(
    work: Git, server: HttpServer, remote: Remote, search_path: str, tmp_path: Path
) -> None:
    push(work, FILES)
    fetch(remote, tmp_path / "store", search_path)
    commit = push(work, {"new": b"new"})
    server.token = f"{CANARY}-new"
    assert refusal(remote, search_path, tmp_path / "store").reason is Reason.CREDENTIALS
    assert fetch(remote._replace(credentials=server.credentials), tmp_path / "store", search_path) == commit


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"token": "another"}, Reason.CREDENTIALS),
        ({"status": 403}, Reason.CREDENTIALS),
        ({"status": 404}, Reason.REPOSITORY),
        ({"status": 503}, Reason.SILENCE),
        ({"redirect": "http://127.0.0.1:9"}, Reason.REDIRECT),
    ],
)
def test_git_itself_is_refused_when_it_fetches(
    work: Git,
    server: HttpServer,
    remote: Remote,
    search_path: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, object],
    reason: Reason,
) -> None:
    commit = push(work, FILES)

    def asked(*arguments: object, **options: object) -> str:
        for name, value in fault.items():
            setattr(server, name, value)
        return commit

    monkeypatch.setattr(fetching, "head", asked)  # the fault comes between the question and the fetch
    assert refusal(remote, search_path, tmp_path / "store").reason is reason


def test_a_branch_deleted_between_question_and_fetch(
    work: Git, remote: Remote, search_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = push(work, FILES)
    monkeypatch.setattr(fetching, "head", lambda *_, **__: commit)
    assert refusal(remote._replace(branch="gone"), search_path, tmp_path / "store").reason is Reason.BRANCH


# --- the network


def test_a_redirect_is_not_followed(
    work: Git, server: HttpServer, remote: Remote, search_path: str, tmp_path: Path
) -> None:
    push(work, FILES)
    with HttpServer(tmp_path / "served") as other:
        server.redirect = f"http://127.0.0.1:{other.port}"
        assert refusal(remote, search_path).reason is Reason.REDIRECT
        assert other.requests == []


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_in_trouble(server: HttpServer, remote: Remote, search_path: str, status: int) -> None:
    server.status = status
    error = refusal(remote, search_path)
    assert (error.reason, error.message) == (Reason.SILENCE, f"the server answers with HTTP status {status}")


def test_a_server_that_is_gone(work: Git, server: HttpServer, remote: Remote, search_path: str, tmp_path: Path) -> None:
    commit = push(work, FILES)
    fetch(remote, tmp_path / "store", search_path)
    server.close()
    error = refusal(remote, search_path, tmp_path / "store")
    assert (error.reason, error.message) == (Reason.SILENCE, "the server cannot be reached: connection refused")
    check_out(tmp_path / "store", commit, tmp_path / "out", search_path)


def test_a_name_that_is_not_known(search_path: str) -> None:
    error = refusal(Remote("https://nowhere.invalid/a.git", "main"), search_path)
    assert error.reason is Reason.SILENCE


def test_a_server_that_trickles_is_left_at_the_deadline(server: HttpServer, remote: Remote, search_path: str) -> None:
    server.trickle = 0.05
    error = refusal(remote, search_path, seconds=0.5)
    assert (error.reason, error.message) == (Reason.SILENCE, "no answer within 0.5 seconds")


def test_git_is_ended_at_the_deadline_with_its_children(
    work: Git, server: HttpServer, remote: Remote, search_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = push(work, FILES)
    server.trickle = 0.05
    monkeypatch.setattr(fetching, "head", lambda *_, **__: commit)
    error = refusal(remote, search_path, tmp_path / "store", seconds=1.0)
    assert (error.reason, error.message) == (Reason.SILENCE, "no answer within 1 seconds")
    assert running_with(str(tmp_path / "store")) == []


ENDED = """
import os, signal, sys
from pathlib import Path
from sopskit.git import fetch as fetching

def end(number, frame):
    raise SystemExit(7)

signal.signal(signal.SIGTERM, end)
fetching.head = lambda *_, **__: "1" * 40
fetching.fetch(fetching.Remote(sys.argv[1], "main"), Path(sys.argv[2]), os.environ["PATH"])
"""


def test_a_signal_ends_git_with_its_children(work: Git, server: HttpServer, remote: Remote, tmp_path: Path) -> None:
    push(work, FILES)
    server.trickle = 0.05
    (tmp_path / "scratch").mkdir()
    environ = {**os.environ, "TMPDIR": str(tmp_path / "scratch")}
    words = [sys.executable, "-c", ENDED, remote.url, str(tmp_path / "store")]
    with subprocess.Popen(words, env=environ, cwd=Path(fetching.__file__).parents[2]) as process:
        end = time.monotonic() + 20
        while not server.requests and time.monotonic() < end:
            time.sleep(0.02)
        process.terminate()
        assert process.wait(20) == 7
    assert running_with(str(tmp_path / "store")) == []
    assert os.listdir(tmp_path / "scratch") == []


def running_with(word: str) -> list[str]:
    """The command lines that have a word in them, of processes that run; killed ones may take a moment."""
    end = time.monotonic() + 5
    while (found := _command_lines(word)) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def _command_lines(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found


def test_a_branch_that_is_too_large(work: Git, remote: Remote, search_path: str, tmp_path: Path) -> None:
    push(work, {"noise": os.urandom(300_000)})
    with pytest.raises(LimitError, match="the branch is larger than 100000 bytes"):
        fetch(remote, tmp_path / "store", search_path, most_bytes=100_000)
    assert os.listdir(tmp_path / "store/objects/pack") == []
    assert fetch(remote, tmp_path / "store", search_path) == work("rev-parse", "HEAD")


# --- TLS


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def tls_server(work: Git, authority: Authority, tmp_path: Path) -> Iterator[HttpServer]:
    with HttpServer(tmp_path / "served", token=CANARY, tls=authority.server(), folder=tmp_path) as server:
        yield server


@pytest.mark.parametrize("beside_the_token", [True, False])
def test_a_server_with_a_certificate_of_a_given_authority(
    work: Git, tls_server: HttpServer, authority: Authority, search_path: str, tmp_path: Path, *, beside_the_token: bool
) -> None:
    commit = push(work, FILES)
    remote = Remote(tls_server.url("team.git"), "main", tls_server.credentials, authority.certificate)
    if beside_the_token:
        remote = Remote(remote.url, "main", tls_server.credentials._replace(ca=authority.certificate))
    assert head(remote, search_path) == commit
    assert fetch(remote, tmp_path / "store", search_path) == commit


def test_a_certificate_of_another_authority_is_refused(
    tls_server: HttpServer, search_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ca in (b"", Authority().certificate):
        remote = Remote(tls_server.url("team.git"), "main", tls_server.credentials, ca)
        assert refusal(remote, search_path).reason is Reason.CERTIFICATE
        with monkeypatch.context() as patch:
            patch.setattr(fetching, "head", lambda *_, **__: "1" * 40)
            assert refusal(remote, search_path, tmp_path / "store").reason is Reason.CERTIFICATE
    assert tls_server.requests == []


@pytest.mark.parametrize(
    "ca", [b"no certificate", b"\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_authorities_that_are_none(tls_server: HttpServer, search_path: str, ca: bytes) -> None:
    error = refusal(Remote(tls_server.url("team.git"), "main", None, ca), search_path)
    assert (error.reason, error.message) == (Reason.CERTIFICATE, "ca.crt has no certificate that can be read")


def test_https_where_http_is_served(server: HttpServer, search_path: str) -> None:
    error = refusal(Remote(server.url("team.git").replace("http:", "https:"), "main"), search_path)
    assert (error.reason, error.message) == (Reason.SILENCE, "no TLS connection could be made")

"""A branch over SSH, from a real sshd on loopback."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import GitError
from sopskit.git import fetch as fetching
from sopskit.git.checkout import check_out
from sopskit.git.fetch import Reason, Remote, RemoteError, SshKey, fetch, head
from sopskit.secret import SecretBytes, SecretStr
from tests.git.servers import SshServer, make_key, require_sshd
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILES: dict[str | bytes, bytes] = {"k8s/app.yaml": b"kind: Secret\n", "README": b"two\r\nlines\n"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], str]) -> Path:
    """The folder with the repositories `team.git`, `empty.git` and, with a blank in its name, `a team.git`."""
    for name in ("git", "ssh", "ssh-keygen"):
        tool(name)
    require_sshd()
    folder = tmp_path_factory.mktemp("served")
    for name in ("team.git", "a team.git", "empty.git"):
        bare = folder / name
        bare.mkdir()
        Git(bare)("init", "--quiet", "--bare", "--initial-branch=main")
    return folder


@pytest.fixture(scope="module")
def server(served: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with SshServer(served, tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def commit(served: Path, tmp_path: Path) -> str:
    """What the branches are at."""
    git = init(tmp_path / "work")
    commit = git.commit(FILES)
    for name in ("team.git", "a team.git"):
        git("push", "--quiet", "--force", str(served / name), "HEAD:main")
    return commit


@pytest.fixture
def remote(server: SshServer) -> Remote:
    return Remote(server.url("team.git"), "main", server.credentials)


@pytest.fixture
def search_path() -> str:
    return os.environ["PATH"]


def refusal(remote: Remote, search_path: str, seconds: float = 20.0) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        head(remote, search_path, seconds=seconds)
    error = caught.value
    assert error.__suppress_context__ or error.__context__ is None
    return error


def test_head_and_fetch(commit: str, remote: Remote, search_path: str, tmp_path: Path) -> None:
    assert head(remote, search_path) == commit
    assert fetch(remote, tmp_path / "store", search_path) == commit
    check_out(tmp_path / "store", commit, tmp_path / "out", search_path)
    found = {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").glob("**/*.*")}
    assert found == {"k8s/app.yaml": b"kind: Secret\n"}


def test_a_path_with_a_blank(commit: str, server: SshServer, search_path: str, tmp_path: Path) -> None:
    remote = Remote(server.url("a%20team.git"), "main", server.credentials)
    assert head(remote, search_path) == commit
    assert fetch(remote, tmp_path / "store", search_path) == commit


def test_a_path_that_the_server_s_shell_could_obey(server: SshServer, search_path: str, tmp_path: Path) -> None:
    remote = Remote(server.url(f"%27%3Btouch%20{tmp_path}/obeyed%3B%27"), "main", server.credentials)
    assert refusal(remote, search_path).reason is Reason.REPOSITORY
    assert not (tmp_path / "obeyed").exists()


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_server_of_version_0_and_other_kinds_of_keys(
    commit: str, served: Path, search_path: str, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "sshd").mkdir()
    with SshServer(served, tmp_path / "sshd", version_2=False, kind=kind) as server:
        remote = Remote(server.url("team.git"), "main", server.credentials)
        assert head(remote, search_path) == commit
        assert refusal(remote._replace(branch="gone"), search_path).reason is Reason.BRANCH
        assert refusal(remote._replace(url=server.url("empty.git")), search_path).reason is Reason.BRANCH
        assert fetch(remote, tmp_path / "store", search_path) == commit


def test_a_key_with_a_passphrase(
    commit: str, server: SshServer, remote: Remote, search_path: str, tmp_path: Path
) -> None:
    encrypted = make_key(tmp_path / "test-only-encrypted", "ed25519", "word")
    public = (tmp_path / "test-only-encrypted.pub").read_bytes()
    with (server._folder / "authorized_keys").open("ab") as file:
        file.write(public)
    key = SshKey(SecretBytes(encrypted), server.known_hosts, SecretStr("word"))
    assert head(remote._replace(credentials=key), search_path) == commit
    for wrong in (None, SecretStr("other")):
        with pytest.raises(GitError, match="the private SSH key cannot be read, or is protected by another passphrase"):
            head(remote._replace(credentials=key._replace(passphrase=wrong)), search_path)


def test_a_branch_that_is_not_there(commit: str, remote: Remote, search_path: str) -> None:
    error = refusal(remote._replace(branch="gone"), search_path)
    assert (error.reason, error.message) == (Reason.BRANCH, "there is no branch 'gone'")


def test_an_empty_repository_has_no_branch(server: SshServer, search_path: str) -> None:
    remote = Remote(server.url("empty.git"), "main", server.credentials)
    assert refusal(remote, search_path).reason is Reason.BRANCH


def test_a_repository_that_is_not_there(server: SshServer, search_path: str) -> None:
    assert refusal(Remote(server.url("x.git"), "main", server.credentials), search_path).reason is Reason.REPOSITORY


def test_another_key_is_refused(remote: Remote, server: SshServer, search_path: str, tmp_path: Path) -> None:
    key = SshKey(SecretBytes(make_key(tmp_path / "test-only-other", "ed25519")), server.known_hosts)
    assert refusal(remote._replace(credentials=key), search_path).reason is Reason.CREDENTIALS


def test_a_key_of_the_user_s_agent_or_home_does_not_help(
    remote: Remote, server: SshServer, search_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/id_ed25519").write_bytes(server.identity)
    (home / ".ssh/id_ed25519").chmod(0o600)
    (home / ".ssh/config").write_text(f"IdentityFile {home}/.ssh/id_ed25519\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"ssh -i {home}/.ssh/id_ed25519")
    key = SshKey(SecretBytes(make_key(tmp_path / "test-only-other", "ed25519")), server.known_hosts)
    assert refusal(remote._replace(credentials=key), search_path).reason is Reason.CREDENTIALS


@pytest.mark.parametrize("known", ["another key", "another host", "nobody"])
def test_a_host_key_that_is_not_pinned(
    remote: Remote, server: SshServer, search_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    make_key(tmp_path / "test-only-host", "ed25519")
    other = (tmp_path / "test-only-host.pub").read_bytes().split()
    known_hosts = {
        "another key": b" ".join([server.known_hosts.split()[0], *other[:2]]),
        "another host": server.known_hosts.replace(b"127.0.0.1", b"example.org"),
        "nobody": b"# nobody\n",
    }[known]
    remote = remote._replace(credentials=server.credentials._replace(known_hosts=known_hosts))
    assert refusal(remote, search_path).reason is Reason.HOST_KEY
    monkeypatch.setattr(fetching, "head", lambda *_, **__: "1" * 40)
    with pytest.raises(RemoteError) as caught:
        fetch(remote, tmp_path / "store", search_path)
    assert caught.value.reason is Reason.HOST_KEY


def test_a_server_that_is_gone(remote: Remote, server: SshServer, search_path: str) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"ssh://git@127.0.0.1:{taken.getsockname()[1]}/team.git"
        assert refusal(remote._replace(url=url), search_path).reason is Reason.SILENCE


def test_a_name_that_is_not_known(remote: Remote, search_path: str) -> None:
    assert refusal(remote._replace(url="ssh://git@nowhere.invalid/a.git"), search_path).reason is Reason.SILENCE


def test_a_server_that_says_nothing_is_left_at_the_deadline(remote: Remote, search_path: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ssh://git@127.0.0.1:{silent.getsockname()[1]}/team.git"
        error = refusal(remote._replace(url=url), search_path, 1.0)
    assert (error.reason, error.message) == (Reason.SILENCE, "no answer within 1 seconds")


@pytest.mark.parametrize(
    "identity", [b"", b"canary", b"-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----\n"]
)
def test_a_key_that_is_none(remote: Remote, search_path: str, identity: bytes) -> None:
    key = SshKey(SecretBytes(identity), b"example.org ssh-ed25519 AAAA\n")
    with pytest.raises(GitError) as caught:
        head(remote._replace(credentials=key), search_path)
    assert "canary" not in f"{caught.value} {caught.value.hint} {caught.value!r}"
    assert caught.value.__suppress_context__


def test_nothing_stays_behind_wherever_temporary_files_go(
    commit: str,
    remote: Remote,
    search_path: str,
    tmp_path: Path,
    short_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (scratch := short_folder / "a folder of 100%u").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    descriptors = os.listdir("/proc/self/fd")
    head(remote, search_path)
    refusal(remote._replace(branch="gone"), search_path)
    fetch(remote, tmp_path / "store", search_path)
    assert (os.listdir(scratch), len(os.listdir("/proc/self/fd"))) == ([], len(descriptors))


def test_a_user_without_a_name_is_told(remote: Remote, search_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 54321)
    with pytest.raises(GitError, match="ssh refuses to run: the user 54321 has no name here"):
        head(remote, search_path)


def test_without_ssh_the_missing_program_is_named(remote: Remote) -> None:
    with pytest.raises(GitError, match="the program ssh was not found"):
        head(remote, "bin:/nonexistent")

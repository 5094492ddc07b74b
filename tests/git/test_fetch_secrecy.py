"""Where credentials do not go: command lines, environments, files, errors. Watched by strace, and from within."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.git.servers import HttpServer, SshServer, require_sshd
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "canary-8d21-token"
ROOT = Path(__file__).resolve().parents[2]
# fetches what its arguments say, with credentials from standard input
PROGRAM = """
import json, sys
from pathlib import Path
from sopskit.git.fetch import Remote, credentials_from, fetch, head
url, store, search_path = sys.argv[1:]
data = {name: text.encode() for name, text in json.load(sys.stdin).items()}
remote = Remote(url, "main", credentials_from(data))
assert head(remote, search_path) == fetch(remote, Path(store), search_path)
"""
OPENED = re.compile(r'^(\d+) +(?:openat\([^"]*|open\(|creat\()"([^"]*)".* = (\d+)$')


@pytest.fixture
def served(tmp_path: Path, tool: Callable[[str], str]) -> Path:
    for name in ("git", "strace"):
        tool(name)
    (tmp_path / "served").mkdir()
    git = init(tmp_path / "work")
    git.commit({"a": b"x"})
    git("clone", "--quiet", "--bare", ".", str(tmp_path / "served/team.git"))
    return tmp_path / "served"


def trace(url: str, data: dict[str, str], folder: Path) -> list[str]:
    """The system calls of a fetch and of all that it starts: programs, environments, files, and what is written."""
    import json

    log = folder / "strace.log"
    words = ["strace", "-f", "-v", "-s", "100000", "-y", "-o", str(log)]
    words += ["-e", "trace=execve,openat,open,creat,write,writev,pwrite64,memfd_create,rename,renameat2,symlink,link"]
    words += [sys.executable, "-c", PROGRAM, url, str(folder / "store"), os.environ["PATH"]]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "scratch")}
    (folder / "scratch").mkdir()
    done = subprocess.run(words, input=json.dumps(data).encode(), capture_output=True, check=False, env=environ)
    assert done.returncode == 0, done.stderr
    assert os.listdir(folder / "scratch") == []
    return log.read_text(errors="replace").splitlines()


def test_a_token_is_in_no_command_line_environment_or_file(served: Path, tmp_path: Path) -> None:
    with HttpServer(served, token=TOKEN) as server:
        lines = trace(server.url("team.git"), {"username": "git", "password": TOKEN}, tmp_path)
    basic = b64encode(f"git:{TOKEN}".encode()).decode()
    found = [line for line in lines if TOKEN in line or basic in line]
    programs = [line for line in lines if "execve(" in line]
    assert any("remote-http" in line for line in programs)
    assert [line for line in found if "execve(" in line] == []
    assert found  # through the pipe to git, at least
    assert [line for line in found if not re.search(r"(write|writev)\(\d+<(pipe|socket):", line)] == []
    assert [path for path in written(tmp_path) if TOKEN.encode() in path.read_bytes()] == []


def test_a_private_ssh_key_is_in_no_command_line_environment_or_file(
    served: Path, tmp_path: Path, tool: Callable[[str], str]
) -> None:
    tool("ssh")
    require_sshd()
    (tmp_path / "sshd").mkdir()
    with SshServer(served, tmp_path / "sshd") as server:
        data = {"identity": server.identity.decode(), "known_hosts": server.known_hosts.decode()}
        lines = trace(server.url("team.git"), data, tmp_path)
    secrets = [line for line in server.identity.decode().splitlines() if len(line) > 30 and "-----" not in line]
    assert any("ssh" in line and "execve(" in line for line in lines)
    assert [line for line in lines if any(secret in line for secret in secrets)] == []
    for path in written(tmp_path):
        assert not any(secret.encode() in path.read_bytes() for secret in secrets)


def written(folder: Path) -> list[Path]:
    return [path for path in (folder / "store").rglob("*") if path.is_file()]


def test_children_get_nothing_of_the_caller_s_environment(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = {
        "SOPS_AGE_KEY": "canary-env",
        "GIT_DIR": "/canary-env",
        "GIT_CONFIG_PARAMETERS": "'core.editor=canary-env'",
        "GIT_TRACE": "/canary-env",
        "http_proxy": "http://canary-env",
        "LD_LIBRARY_PATH": "/canary-env",
        "SSH_AUTH_SOCK": "/canary-env",
    }
    for name, value in canaries.items():
        monkeypatch.setenv(name, value)
    with HttpServer(served, token=TOKEN) as server:
        lines = trace(server.url("team.git"), {"password": TOKEN}, tmp_path)
    programs = [line for line in lines if "execve(" in line]
    assert [line for line in programs[1:] if "canary-env" in line] == []  # the first is Python itself


def test_no_configuration_of_the_user_is_read(served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text('[url "https://evil.example.org/"]\ninsteadOf = http://127.0.0.1\n')
    (home / ".netrc").write_text("machine 127.0.0.1 login git password wrong\n")
    monkeypatch.setenv("HOME", str(home))
    with HttpServer(served, token=TOKEN) as server:
        lines = trace(server.url("team.git"), {"password": TOKEN}, tmp_path)
    opened = [match.group(2) for line in lines if (match := OPENED.match(line))]
    assert [path for path in opened if path.startswith(str(home)) or path == "/etc/gitconfig"] == []

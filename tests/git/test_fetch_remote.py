"""What a remote may be: addresses, branches, credentials. Nothing is asked."""

from __future__ import annotations

import pytest

from sopskit.errors import GitError
from sopskit.git.fetch import Reason, Remote, RemoteError, SshKey, Token, credentials_from, head
from sopskit.git.remote import Address, address_of
from sopskit.secret import SecretBytes, SecretStr

CANARY = "canary-5f0b"
TOKEN = Token("git", SecretStr(CANARY))
KEY = SshKey(SecretBytes(CANARY.encode()), b"example.org ssh-ed25519 AAAA\n")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "https://git.example.org/team/config.git",
            Address("https", "git", "git.example.org", 443, "/team/config.git"),
        ),
        ("https://git.example.org:8443/a/b/", Address("https", "git", "git.example.org", 8443, "/a/b")),
        ("http://localhost:3000/a", Address("http", "git", "localhost", 3000, "/a")),
        ("http://127.1.2.3/a", Address("http", "git", "127.1.2.3", 80, "/a")),
        ("http://[::1]:80/a", Address("http", "git", "::1", 80, "/a")),
        ("https://example.org/a%20b", Address("https", "git", "example.org", 443, "/a%20b")),
    ],
)
def test_an_http_address_is_taken_apart(url: str, address: Address) -> None:
    assert address_of(Remote(url, "main")) == address


def test_an_ssh_address_has_its_user_or_that_of_the_forges() -> None:
    urls = ("ssh://example.org/~me/a.git", "ssh://deploy@example.org:2222/a.git")
    assert [address_of(Remote(url, "main", KEY)) for url in urls] == [
        Address("ssh", "git", "example.org", 22, "/~me/a.git"),
        Address("ssh", "deploy", "example.org", 2222, "/a.git"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        f"https://git:{CANARY}@example.org/a.git",
        f"https://{CANARY}@example.org/a.git",
        f"https://example.org/a.git?token={CANARY}",
        f"https://example.org/a.git#{CANARY}",
        f"http://example.org/{CANARY}",
        f"http://localhost.example.org/{CANARY}",
        f"http://127.0.0.1.example.org/{CANARY}",
        f"http://127.0.0.1@example.org/{CANARY}",
        f"ext::sh -c {CANARY}",
        f"file:///{CANARY}",
        f"/{CANARY}",
        f"git://example.org/{CANARY}",
        f"ftp://example.org/{CANARY}",
        f"git@example.org:{CANARY}.git",
        f"ssh://-oProxyCommand={CANARY}/a",
        f"ssh://-{CANARY}@example.org/a",
        f"-u{CANARY}",
        f"https://example.org/a\n{CANARY}",
        f"https://example.org/a {CANARY}",
        f"https://example.org/a'{CANARY}",
        f"https://example.org/$({CANARY})",
        f"https://example.org/a/../{CANARY}",
        f"https://example.org/{CANARY}/.",
        f"https://example.org/{CANARY}%00",
        f"https://example.org/{CANARY}%0a",
        f"https://example.org/{CANARY}%7F",
        f"https://example.org/{CANARY}%2",
        f"HTTPS://example.org/{CANARY}",
        f"https://exämple.org/{CANARY}",
        "https://example.org",
        "https://example.org/",
        "",
    ],
)
@pytest.mark.parametrize("credentials", [None, TOKEN, KEY])
def test_another_address_is_refused_and_never_quoted(url: str, credentials: Token | SshKey | None) -> None:
    with pytest.raises(RemoteError) as caught:
        head(Remote(url, "main", credentials), "/nonexistent")
    assert caught.value.reason is Reason.ADDRESS
    assert CANARY not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "branch",
    [
        *("", "-", "--upload-pack=x", "a..b", "a b", "a:b", "a~1", "a^", "a?", "a*", "a[", "a\\b", "a@{1}", "a.lock"),
        *("a/.b", "/a", "a/", "a.", "a//b", "a\n", "a\x7f", "+a", "x.lock/y", "a" * 300),
    ],
)
def test_a_name_that_git_allows_no_branch_is_refused(branch: str) -> None:
    with pytest.raises(RemoteError, match="the branch's name is none that git allows"):
        head(Remote("https://example.org/a.git", branch), "/nonexistent")


@pytest.mark.parametrize("branch", ["main", "release/1.2", "feature/ä", "user@host", "a-b_c+d", "1"])
def test_other_names_are_taken(branch: str) -> None:
    assert address_of(Remote("https://example.org/a.git", branch)).host == "example.org"


@pytest.mark.parametrize(
    ("url", "credentials", "message"),
    [
        ("ssh://example.org/a.git", None, "an ssh address needs a private SSH key"),
        ("ssh://example.org/a.git", TOKEN, "an ssh address needs a private SSH key"),
        ("https://example.org/a.git", KEY, "an http address takes no SSH key"),
    ],
)
def test_credentials_must_fit_the_address(url: str, credentials: Token | SshKey | None, message: str) -> None:
    with pytest.raises(RemoteError) as caught:
        head(Remote(url, "main", credentials), "/nonexistent")
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("username", "password"),
    [("git", f"{CANARY}\nhost=example.org"), ("git", CANARY * 9999), ("git", ""), ("a:b", CANARY), ("a\nb", CANARY)],
)
def test_a_token_that_would_say_more_than_itself_is_refused(username: str, password: str) -> None:
    with pytest.raises(RemoteError) as caught:
        head(Remote("https://example.org/a.git", "main", Token(username, SecretStr(password))), "/nonexistent")
    assert caught.value.message == "the token or its username is empty, has control characters, or is too long"


# --- the data of a Secret


def test_a_secret_has_a_token() -> None:
    data = {"username": b"me\n", "password": b"canary\n", "ca.crt": b"PEM"}
    assert credentials_from(data) == Token("me", SecretStr("canary"), b"PEM")


def test_a_token_needs_no_name() -> None:
    assert credentials_from({"password": b"canary"}) == Token("git", SecretStr("canary"))


def test_a_secret_has_an_ssh_key() -> None:
    data = {"identity": b"canary", "identity.pub": b"public", "known_hosts": b"host key"}
    assert credentials_from(data) == SshKey(SecretBytes(b"canary"), b"host key")


def test_an_ssh_key_may_have_a_passphrase() -> None:
    data = {"identity": b"canary", "known_hosts": b"host key", "password": b"word\n"}
    assert credentials_from(data) == SshKey(SecretBytes(b"canary"), b"host key", SecretStr("word"))


@pytest.mark.parametrize("data", [{}, {"ca.crt": b"PEM"}])
def test_a_secret_without_credentials_gives_none(data: dict[str, bytes]) -> None:
    assert credentials_from(data) is None


@pytest.mark.parametrize(
    "data",
    [
        {"identity": CANARY.encode()},
        {"identity": CANARY.encode(), "known_hosts": b""},
        {"identity": CANARY.encode(), "known_hosts": b"\n# no key\n"},
        {"username": CANARY.encode()},
        {"token": CANARY.encode()},
        {"password": b""},
        {"password": b"\xff" + CANARY.encode()},
        {"password": f"{CANARY}\nhost=evil.example.org".encode()},
        {"password": f"{CANARY}\0".encode()},
        {"password": CANARY.encode() * 10_000},
        {"password": CANARY.encode(), "username": b"a\nb"},
    ],
)
def test_credentials_that_cannot_be_used_are_refused_without_a_word_of_them(data: dict[str, bytes]) -> None:
    with pytest.raises(GitError) as caught:
        credentials_from(data)
    error = caught.value
    assert CANARY not in f"{error} {error.hint} {error!r} {error.__cause__!r}"
    assert error.__suppress_context__ or error.__context__ is None


def test_credentials_show_no_secret() -> None:
    assert CANARY not in repr((Remote("https://example.org/a", "main", TOKEN), KEY))

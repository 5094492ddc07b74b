"""Who is told: a kind of receiver with what its Secret holds, and the request that a notice becomes for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sopskit.errors import ConfigError
from sopskit.secret import SecretStr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sopskit.deploy.notify.exchange import Request
    from sopskit.deploy.notify.message import Notice

LONGEST = 4096  # characters of an entry


@dataclass(frozen=True, slots=True)
class Settings:
    """What the Secret of a receiver has to say. All of it is secret: a webhook's address is often all it takes to write there."""

    address: SecretStr | None = None
    token: SecretStr | None = None
    hmac: SecretStr | None = None

    def need_address(self) -> SecretStr:
        """The address. Raises `ConfigError` without one."""
        if self.address is None:
            raise ConfigError("the Secret has no address")
        return self.address

    def need_token(self) -> SecretStr:
        """The token. Raises `ConfigError` without one."""
        if self.token is None:
            raise ConfigError("the Secret has no token")
        return self.token


def read_settings(data: Mapping[str, bytes]) -> Settings:
    """From the data of a Secret. Raises `ConfigError` for an entry that is no single line of plain ASCII."""
    return Settings(_line(data, "address"), _line(data, "token"), _line(data, "hmac"))


def _line(data: Mapping[str, bytes], name: str) -> SecretStr | None:
    """An entry; the line feed that an editor leaves at its end is taken off."""
    if name not in data:
        return None
    text = data[name].rstrip(b"\r\n").decode("latin-1")
    if not text or len(text) > LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{name} of the Secret is empty, too long, or no single line of plain ASCII without spaces")
    return SecretStr(text)


def request_for(kind: str, notice: Notice, settings: Settings) -> Request | None:
    """What a receiver of a kind is sent, None if there is nothing to tell it. The notice is tidy.

    Raises `ConfigError` if the Secret lacks something, `AddressError` for an address that is none.
    """
    from sopskit.deploy.notify import commitstatus, slack, webhook

    requests: dict[str, Callable[[Notice, Settings], Request | None]] = {
        "webhook": webhook.request,
        "slack": slack.request,
        "github": commitstatus.github_request,
        "gitlab": commitstatus.gitlab_request,
    }
    if kind not in requests:
        raise ConfigError("nobody knows this kind of receiver")
    return requests[kind](notice, settings)

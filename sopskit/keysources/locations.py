"""Where key files are by default, per operating system (SOPS section 9.2)."""

# pathlib would cost a tenth of the start-up time

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from sopskit.errors import FileAccessError

if TYPE_CHECKING:
    from collections.abc import Mapping


def home_folder(environ: Mapping[str, str]) -> str:
    """The user's home. Raises `FileAccessError` if `HOME` is not set."""
    home = environ.get("HOME", "")
    if not home:
        raise FileAccessError("the home folder is not known", hint="set HOME")
    return home


def config_folder(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The folder for configuration. Raises `FileAccessError` if the environment does not tell it."""
    if platform == "win32":
        return _required(environ, "APPDATA")
    chosen = environ.get("XDG_CONFIG_HOME", "")
    if platform == "darwin":
        return chosen or os.path.join(home_folder(environ), "Library", "Application Support")
    if chosen and not os.path.isabs(chosen):
        raise FileAccessError("the configuration folder is not known: XDG_CONFIG_HOME is a relative path")
    return chosen or os.path.join(home_folder(environ), ".config")


def keys_file(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The file in which sops keeps age identities. Raises `FileAccessError`."""
    return os.path.join(config_folder(environ, platform), "sops", "age", "keys.txt")


def index_file(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The list of recipients whose identities are in the OS keyring. Raises `FileAccessError`."""
    return os.path.join(config_folder(environ, platform), "sopskit", "keyring.json")


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise FileAccessError("the configuration folder is not known", hint=f"set {name}")
    return value

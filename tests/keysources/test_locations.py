"""Default places per operating system."""

from __future__ import annotations

import pytest

from sopskit.errors import FileAccessError
from sopskit.keysources.locations import config_folder, index_file, keys_file


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {"HOME": "/h"}, "/h/.config"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": ""}, "/h/.config"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x"),
        ("linux", {"XDG_CONFIG_HOME": "/x"}, "/x"),
        ("freebsd14", {"HOME": "/h"}, "/h/.config"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support"),
        ("darwin", {"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "relative"),
        ("win32", {"APPDATA": "C:/Users/a/AppData"}, "C:/Users/a/AppData"),
    ],
)
def test_the_configuration_folder(platform: str, environ: dict[str, str], folder: str) -> None:
    assert config_folder(environ, platform) == folder


@pytest.mark.parametrize(
    ("platform", "environ", "message"),
    [
        ("linux", {}, "the home folder is not known"),
        ("linux", {"HOME": ""}, "the home folder is not known"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "rel"}, "XDG_CONFIG_HOME is a relative path"),
        ("darwin", {}, "the home folder is not known"),
        ("win32", {}, "the configuration folder is not known"),
    ],
)
def test_a_folder_that_is_not_known(platform: str, environ: dict[str, str], message: str) -> None:
    with pytest.raises(FileAccessError, match=message):
        config_folder(environ, platform)


def test_the_files() -> None:
    environ = {"HOME": "/h"}
    assert keys_file(environ, "linux") == "/h/.config/sops/age/keys.txt"
    assert index_file(environ, "linux") == "/h/.config/sopskit/keyring.json"

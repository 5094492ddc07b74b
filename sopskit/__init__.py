"""sopskit: SOPS files for the engineer, the reviewer and the cluster.

The public names below are loaded on first use, so that `import sopskit` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sopskit.deploy.build import Rendered
    from sopskit.deploy.objects import PlainObject
    from sopskit.deploy.opening import OpenedSource
    from sopskit.deploy.provider import DecryptionProvider
    from sopskit.errors import SopskitError
else:
    _HOMES = {
        "DecryptionProvider": "deploy.provider",
        "OpenedSource": "deploy.opening",
        "PlainObject": "deploy.objects",
        "Rendered": "deploy.build",
        "SopskitError": "errors",
    }

    def __getattr__(name: str) -> object:
        """Load the module that holds a public name; the name then stays here."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


__all__ = ["DecryptionProvider", "OpenedSource", "PlainObject", "Rendered", "SopskitError", "__version__"]

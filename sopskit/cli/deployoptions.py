"""The options that render, apply and krm share: whose keys open the files, and in which cluster."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from sopskit.errors import DataKeyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sopskit.cli.context import Context
    from sopskit.cluster import Connection
    from sopskit.sops.masterkeys import Keyring

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

KEYS = click.option("--keys", metavar="FOLDER", help="Use the keys of this mounted Secret, and no others.")
KEY_SECRET = click.option(
    "--key-secret",
    metavar="[NAMESPACE/]NAME",
    help="Use the keys of this Secret in the cluster, and no others; data keys are named as for Flux.",
)
KUBE_CONTEXT = click.option(
    "--context", "kube_context", metavar="NAME", help="The kubeconfig's context; by default its current one."
)
KUBECONFIG = click.option(
    "--kubeconfig", type=click.Path(), metavar="FILE", help="Instead of KUBECONFIG or ~/.kube/config."
)
HELM = click.option(
    "--helm", is_flag=True, help="Render HelmReleases whose charts are in the repository, in their place."
)
KUBE_VERSION = click.option(
    "--kube-version", metavar="VERSION", default="", help="With --helm: the Kubernetes version that charts are told."
)


def check_keys(keys: str | None, key_secret: str | None) -> None:
    """Raise `UsageError` for two sources of keys, and for a Secret without a name."""
    if keys is not None and key_secret is not None:
        raise UsageError(
            "--keys and --key-secret exclude each other", hint="the keys of one Secret are used, and no others"
        )
    if key_secret is not None and (not all(key_secret.split("/")) or key_secret.count("/") > 1):
        raise UsageError("--key-secret names no Secret", hint="it is NAME, or NAMESPACE/NAME")


def check_helm(kube_version: str, *, helm: bool) -> None:
    """Raise `UsageError` for a version that no chart would be told."""
    if kube_version and not helm:
        raise UsageError("--kube-version needs --helm", hint="nothing but a chart is told a version")


@contextlib.contextmanager
def chosen_keyring(
    context: Context,
    keys: str | None,
    key_secret: str | None = None,
    connection: Callable[[], Connection] | None = None,
    namespace: str | None = None,
) -> Iterator[Keyring]:
    """The keys of a mounted Secret, or of one in the cluster, and then no others; else those of the environment.

    `namespace` is the Secret's if it names none, by default the connection's. Raises what the key sources raise.
    """
    search_path = context.environ.get("PATH", "")
    if keys is not None:
        from sopskit.keysources import mounted

        with mounted.load(keys, search_path=search_path) as keyring, _naming(keyring):
            yield keyring
    elif key_secret is not None and connection is not None:
        from sopskit.keysources import clustersecret

        opened = connection()
        place, _, name = key_secret.rpartition("/")
        place = place or namespace or opened.access.namespace
        with clustersecret.load(opened, place, name, search_path=search_path) as keyring, _naming(keyring):
            yield keyring
    else:
        yield context.keyring()


@contextlib.contextmanager
def _naming(keyring: Keyring) -> Iterator[None]:
    """Let the error for a file that none of these keys opens say which they are."""
    try:
        yield
    except DataKeyError as error:
        looked_at = ", ".join(location for location, _, _ in keyring.report())
        error.hint = f"these keys were tried, and no others: {looked_at}"
        raise

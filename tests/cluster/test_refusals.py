"""What is kept of an API server's refusal: names, and nothing that it quotes."""

from __future__ import annotations

import pytest

from sopskit.cluster.refusals import FORBIDDEN_HINT, refusal

DEPLOYER = "system:serviceaccount:team-a:deployer"
IN_GROUP = (
    f'deployments.apps "web" is forbidden: User "{DEPLOYER}" cannot patch resource "deployments" in API group "apps"'
)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (f'{IN_GROUP} in the namespace "team-a"', f": {DEPLOYER} may not patch deployments.apps in team-a"),
        (
            'namespaces is forbidden: User "alice@example.org" cannot list resource "namespaces" in API group "" at the cluster scope',
            ": alice@example.org may not list namespaces anywhere",
        ),
        (
            'User "bob" cannot patch resource "sopssources/status" in API group "reconcile.sopskit" in the namespace "a"',
            ": bob may not patch sopssources.reconcile.sopskit/status in a",
        ),
        ('User "open sesame" cannot get resource "secrets" in API group "" in the namespace "a"', ""),
        ('User "bob" cannot get resource "open sesame" in API group "" in the namespace "a"', ""),
        ('pods "web" is forbidden: violates PodSecurity "restricted:latest": open sesame', ""),
        ('secrets "a" is forbidden: exceeded quota: open sesame', ""),
    ],
    ids=["in a group", "everywhere", "of a part", "another user", "another resource", "pod security", "quota"],
)
def test_who_is_forbidden_what_is_told_by_names(message: str, told: str) -> None:
    error = refusal(403, {"reason": "Forbidden", "message": message})
    assert error.message == f"the API server forbids it (Forbidden){told}"
    assert error.hint == (FORBIDDEN_HINT if told else None)

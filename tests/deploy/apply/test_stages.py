"""The order of applying."""

from __future__ import annotations

from sopskit.deploy.apply.stages import groups
from sopskit.deploy.apply.target import ObjectId


def test_definitions_and_namespaces_come_first_and_webhooks_last() -> None:
    kinds = [
        "ValidatingWebhookConfiguration",
        "Widget",
        "Deployment",
        "Secret",
        "Namespace",
        "CustomResourceDefinition",
    ]
    ids = [ObjectId("", kind, "", "one") for kind in kinds]
    assert [group[0].kind for group in groups(ids, lambda one: one)] == [*kinds[::-1][:4], "Widget", kinds[0]]


def test_objects_of_one_kind_are_in_the_order_of_their_names() -> None:
    ids = [ObjectId("", "Secret", namespace, name) for namespace, name in (("b", "a"), ("a", "b"), ("a", "a"))]
    assert groups(ids, lambda one: one) == [[ids[2], ids[1], ids[0]]]

"""What a HelmRelease asks for, and how its values are merged."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from sopskit.deploy.objects import PlainObject, read_objects
from sopskit.deploy.releases import (
    ValuesReference,
    chart_places,
    merge,
    merged_values,
    read_release,
    texts_of_secrets,
)
from sopskit.errors import BuildError, RefusedError, SopskitError

CHART = {"spec": {"chart": "./charts/web", "version": "1.2.3", "sourceRef": {"kind": "GitRepository", "name": "x"}}}


def made(content: dict[str, Any]) -> PlainObject:
    return read_objects(json.dumps(content).encode())[0]


def release_object(version: str = "v2", **spec: Any) -> PlainObject:
    metadata = {"name": "web", "namespace": "dev"}
    api_version = f"helm.toolkit.fluxcd.io/{version}"
    return made(
        {"apiVersion": api_version, "kind": "HelmRelease", "metadata": metadata, "spec": {"chart": CHART, **spec}}
    )


def source(kind: str, name: str, namespace: str = "dev", **fields: Any) -> PlainObject:
    return made({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, **fields})


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def values_of(
    objects: list[PlainObject], *references: dict[str, Any], defaults: dict[str, Any] | None = None, **values: Any
) -> dict[str, Any]:
    release = read_release(release_object(valuesFrom=list(references), values=values))
    return merged_values(release, objects, defaults or {})


# --- what it asks for


def test_a_release_is_read_with_flux_s_defaults() -> None:
    release = read_release(release_object(valuesFrom=[{"kind": "Secret", "name": "s"}], values={"a": 1}))
    assert release._asdict() == {
        "service": "web",
        "namespace": "dev",
        "name": "web",
        "target": "dev",
        "chart": "./charts/web",
        "version": "1.2.3",
        "source": "GitRepository",
        "defaults": (),
        "may_miss_defaults": False,
        "crds": True,
        "hooks": True,
        "references": (ValuesReference("Secret", "s", "values.yaml"),),
        "values": {"a": 1},
    }
    assert (str(release), repr(release)) == ("HelmRelease dev/web", "<HelmRelease dev/web>")


@pytest.mark.parametrize(
    ("spec", "name", "target"),
    [
        ({"releaseName": "r"}, "r", "dev"),
        ({"targetNamespace": "t"}, "t-web", "t"),
        ({"releaseName": "r", "targetNamespace": "t"}, "r", "t"),
        ({"releaseName": "x" * 53}, "x" * 53, "dev"),
        # printf x%.0s $(seq 54) | sha256sum
        ({"releaseName": "x" * 54}, f"{'x' * 40}-45f316e10b2c", "dev"),
    ],
)
def test_a_release_is_called_as_flux_calls_it(spec: dict[str, Any], name: str, target: str) -> None:
    release = read_release(release_object(**spec))
    assert (release.name, release.target) == (name, target)


def test_crds_and_hooks_are_left_out_on_request() -> None:
    release = read_release(release_object(install={"crds": "Skip", "disableHooks": True}))
    assert (release.crds, release.hooks) == (False, False)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"chartRef": {"kind": "OCIRepository", "name": "x"}}, "chartRef"),
        ({"kubeConfig": {"secretRef": {"name": "x"}}}, "kubeConfig"),
        ({"postRenderers": [{"kustomize": {}}]}, "postRenderers"),
        ({"commonMetadata": {"labels": {"a": "b"}}}, "commonMetadata"),
        ({"suspend": True}, "suspend"),
        ({"chart": {"spec": {"chart": "x", "valuesFile": "y"}}}, "chart.spec.valuesFile"),
    ],
)
def test_what_is_not_carried_out_is_refused_by_name(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError, match=rf"HelmRelease dev/web: spec.{field} is set"):
        read_release(release_object(**spec))


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"the version helm\.toolkit\.fluxcd\.io/v9 is not known"):
        read_release(release_object("v9"))


@pytest.mark.parametrize(
    "spec",
    [
        {"chart": {}},
        {"chart": "canary"},
        {"values": "canary"},
        {"values": ["canary"]},
        {"valuesFrom": "canary"},
        {"valuesFrom": [{"kind": "canary", "name": "x"}]},
        {"valuesFrom": [{"kind": "Secret"}]},
        {"valuesFrom": [{"kind": "Secret", "name": "x", "valuesKey": 7}]},
        {"valuesFrom": 7},
        {"releaseName": 7},
        {"releaseName": "--canary"},
        {"releaseName": "a\0canary"},
        {"targetNamespace": "Canary canary"},
        {"chart": {"spec": {"chart": "x", "valuesFiles": [7]}}},
    ],
)
def test_a_broken_release_is_an_error_that_quotes_nothing(spec: dict[str, Any]) -> None:
    with pytest.raises(BuildError) as caught:
        read_release(release_object(**spec))
    assert str(caught.value).startswith("HelmRelease dev/web: ")
    assert "canary" not in str(caught.value)


# --- where its chart is


@pytest.mark.parametrize(
    ("kind", "chart", "places"),
    [
        ("GitRepository", "./charts/web", ("./charts/web", "k8s/helm-charts/web")),
        ("HelmRepository", "web", ("k8s/helm-charts/web",)),
    ],
)
def test_a_chart_is_looked_for_in_the_repository(kind: str, chart: str, places: tuple[str, ...]) -> None:
    spec = {"spec": {"chart": chart, "sourceRef": {"kind": kind}}}
    assert chart_places(read_release(release_object(chart=spec)), "k8s/helm-charts") == places


@pytest.mark.parametrize("chart", ["oci://example.org/web", "https://example.org/web.tgz", "/etc/web"])
def test_a_chart_elsewhere_is_refused(chart: str) -> None:
    with pytest.raises(RefusedError, match="its chart is not in the repository"):
        chart_places(read_release(release_object(chart={"spec": {"chart": chart}})), "charts")


# --- values


def test_later_values_cover_earlier_ones_and_mappings_are_merged() -> None:
    objects = [
        source("ConfigMap", "c", data={"values.yaml": "m: {one: c, two: c, three: c, four: c}\nlist: [1, 2]\n"}),
        source("Secret", "s", stringData={"values.yaml": "m: {two: s, three: s}\nlist: [3]\n"}),
        source("Secret", "s", "qa", stringData={"values.yaml": "m: {two: other}\n"}),
    ]
    references = [{"kind": "ConfigMap", "name": "c"}, {"kind": "Secret", "name": "s"}]
    defaults = {"m": {"zero": "d", "one": "d"}, "kept": True}
    assert values_of(objects, *references, defaults=defaults, m={"three": "r", "four": None}) == {
        "m": {"zero": "d", "one": "c", "two": "s", "three": "r", "four": None},
        "list": [3],
        "kept": True,
    }
    assert defaults == {"m": {"zero": "d", "one": "d"}, "kept": True}


def test_mappings_that_are_merged_stay_as_they_are() -> None:
    below: dict[str, Any] = {"a": {"b": 1}}
    above: dict[str, Any] = {"a": {"c": 2}}
    assert merge(below, above) == {"a": {"b": 1, "c": 2}}
    assert (below, above) == ({"a": {"b": 1}}, {"a": {"c": 2}})


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"key": encoded("12")}},
        {"stringData": {"key": "12"}},
        {"data": {"key": encoded("other")}, "stringData": {"key": "12"}},
    ],
)
def test_a_data_key_is_put_at_a_target_path(fields: dict[str, Any]) -> None:
    reference = {"kind": "Secret", "name": "s", "valuesKey": "key", "targetPath": "db.ports[0]"}
    assert values_of([source("Secret", "s", **fields)], reference) == {"db": {"ports": [12]}}


@pytest.mark.parametrize(
    ("path", "own", "values"),
    [
        ("m.a", {"m": {"a": "own", "b": "own"}}, {"m": {"a": "target", "b": "own"}}),
        ("list[0]", {"list": ["one", "two"]}, {"list": ["target", "two"]}),
        ("a", {"a": "own"}, {"a": "own"}),
        ("list[1]", {"list": ["one"]}, {"list": ["one"]}),
    ],
)
def test_a_target_path_covers_the_release_s_own_values_as_far_as_in_flux(
    path: str, own: dict[str, Any], values: dict[str, Any]
) -> None:
    reference = {"kind": "Secret", "name": "s", "valuesKey": "k", "targetPath": path}
    assert values_of([source("Secret", "s", stringData={"k": "target"})], reference, **own) == values


def test_binary_data_of_a_configmap_is_not_looked_at() -> None:
    objects = [source("ConfigMap", "c", binaryData={"values.yaml": encoded("a: 1")})]
    with pytest.raises(RefusedError, match="it has no such data key"):
        values_of(objects, {"kind": "ConfigMap", "name": "c"})


def test_an_object_of_the_stream_does_not_change() -> None:
    objects = [source("Secret", "s", stringData={"k": "x"})]
    release = release_object(valuesFrom=[{"kind": "Secret", "name": "s", "valuesKey": "k", "targetPath": "a.b"}])
    defaults: dict[str, Any] = {"a": {"c": 1}}
    assert merged_values(read_release(release), objects, defaults) == {"a": {"b": "x", "c": 1}}
    assert defaults == {"a": {"c": 1}}


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"kind": "Secret", "name": "none"}, "Secret none, values.yaml: it is not among what was rendered"),
        ({"kind": "ConfigMap", "name": "s"}, "ConfigMap s, values.yaml: it is not among what was rendered"),
        ({"kind": "Secret", "name": "s", "valuesKey": "k"}, "Secret s, k: it has no such data key"),
    ],
)
def test_a_reference_to_nothing_is_refused_if_it_is_not_optional(reference: dict[str, Any], message: str) -> None:
    objects = [source("Secret", "s", stringData={})]
    with pytest.raises(RefusedError) as caught:
        values_of(objects, reference)
    assert str(caught.value) == f"HelmRelease dev/web: valuesFrom {message}"
    assert values_of(objects, {**reference, "optional": True}, a=1) == {"a": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"stringData": {"values.yaml": "canary"}},
        {"stringData": {"values.yaml": "[canary]"}},
        {"stringData": {"values.yaml": "a: canary: canary"}},
        {"stringData": {"values.yaml": "a: canary\n---\nb: canary\n"}},
        {"data": {"values.yaml": b64encode(b"canary\xff").decode()}},
        {"data": {"values.yaml": "canary!"}},
    ],
)
def test_values_that_are_none_are_an_error_that_quotes_nothing(fields: dict[str, Any]) -> None:
    with pytest.raises(SopskitError) as caught:
        values_of([source("Secret", "s", **fields)], {"kind": "Secret", "name": "s"})
    assert str(caught.value).startswith("HelmRelease dev/web: valuesFrom Secret s, values.yaml: ")
    assert ("canary" not in str(caught.value), caught.value.__cause__) == (True, None)


def test_what_comes_from_secrets_is_told_but_for_short_numbers() -> None:
    objects = [
        source("Secret", "s", data={"values.yaml": encoded("a: {b: [text, 12345, 123456, true, null]}")}),
        source("Secret", "t", stringData={"password": "one\ntwo"}),
        source("ConfigMap", "c", data={"values.yaml": "a: public"}),
    ]
    references = [
        {"kind": "Secret", "name": "s"},
        {"kind": "Secret", "name": "t", "valuesKey": "password", "targetPath": "auth.password"},
        {"kind": "ConfigMap", "name": "c"},
        {"kind": "Secret", "name": "missing", "optional": True},
    ]
    release = read_release(release_object(valuesFrom=references))
    assert texts_of_secrets(release, objects) == {"text", "123456", "one\ntwo"}

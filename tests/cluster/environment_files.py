"""The texts of a GitOps repository: two services and a chart, in environments that differ in their values.

    k8s/gitops/<environment>/kustomization.yaml, namespace.yaml
    k8s/gitops/<environment>/service1/   manifests, files of generators, a release with a name that a generator makes
    k8s/gitops/<environment>/service2/   a base, patched, one of the patches encrypted
    k8s/base/service2/                   k8s/components/registry/
    k8s/helm-values/<service>/<environment>-config.yaml
    k8s/helm-charts/web/

Texts that hold a secret name no namespace, so the same ciphertext can go to several. Files of generators are indented
as sops does it: Flux decrypts them so, and the hash in the name of what is generated is made of the bytes.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, NamedTuple

from tests.cluster.chart_files import CHART

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICES = ("service1", "service2")


class Values(NamedTuple):
    """What differs between environments. The first five are secrets."""

    password: str
    token: str
    chart_password: str
    admin: str
    signature: str
    level: str = "info"
    replicas: int = 2


class Files(NamedTuple):
    """Paths, relative to the repository, and texts: as they stand in Git, and what is encrypted there."""

    plain: Mapping[str, str]
    secret: Mapping[str, str]


def standard_values(environment: str) -> Values:
    """Values that no other environment has."""
    return Values(
        password=f"test-only-password-of-{environment}",
        token=f"test-only-token-of-{environment}",
        chart_password=f"test-only-chart-password-of-{environment}",
        admin=f"test-only-admin-of-{environment}",
        signature=f"test-only-signature-of-{environment}",
        replicas=len(environment),
    )


def registry() -> str:
    """The file that lets all environments pull images."""
    user, password = "pull", "test-only-registry-password"
    entry = {"username": user, "password": password, "auth": _packed(f"{user}:{password}")}
    return json.dumps({"auths": {"registry.example.org": entry}}, indent="\t") + "\n"


def shared_files() -> Files:
    """What all environments have in common."""
    plain = {
        "k8s/base/service2/kustomization.yaml": BASE,
        "k8s/base/service2/deployment.yaml": BASE_DEPLOYMENT,
        "k8s/base/service2/settings.yaml": BASE_SETTINGS,
        "k8s/components/registry/kustomization.yaml": COMPONENT,
        **{f"k8s/helm-charts/web/{path}": text for path, text in CHART.items()},
    }
    return Files(plain, {"k8s/components/registry/registry.json": registry()})


def environment_files(environment: str, namespace: str, values: Values) -> Files:
    """What one environment has."""
    folder = f"k8s/gitops/{environment}"
    plain = {
        f"{folder}/kustomization.yaml": ENVIRONMENT.format(namespace=namespace),
        f"{folder}/namespace.yaml": NAMESPACE.format(namespace=namespace, environment=environment),
        f"{folder}/service1/kustomization.yaml": SERVICE1,
        f"{folder}/service1/kustomizeconfig.yaml": NAME_REFERENCE,
        f"{folder}/service1/configmap.yaml": CONFIGMAP.format(
            service="service1", environment=environment, level=values.level
        ),
        f"{folder}/service1/release.yaml": RELEASE1.format(level=values.level),
        f"{folder}/service2/kustomization.yaml": SERVICE2.format(replicas=values.replicas),
        f"{folder}/service2/configmap.yaml": CONFIGMAP.format(
            service="service2", environment=environment, level="warn"
        ),
        f"{folder}/service2/release.yaml": RELEASE2,
    }
    secret = {
        f"{folder}/service1/secrets.yaml": SECRETS1.format(password=values.password, packed=_packed(values.signature)),
        f"{folder}/service1/values.yaml": f"secrets:\n    password: {values.chart_password}\n",
        f"{folder}/service1/app.env": f"# of the payment provider\nTOKEN={values.token}\nLEVEL={values.level}\n",
        f"{folder}/service2/secrets.yaml": SECRETS2.format(signature=values.signature),
        f"{folder}/service2/password.yaml": PATCH2.format(password=values.password),
    }
    for service in SERVICES:
        text = HELM_VALUES.format(replicas=values.replicas, admin=values.admin, service=service)
        secret[f"k8s/helm-values/{service}/{environment}-config.yaml"] = text
    return Files(plain, secret)


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENVIRONMENT = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {namespace}
resources: [namespace.yaml, service1, service2]
components: [../../components/registry]
"""
NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: {namespace}
  labels: {{environment: {environment}}}
"""
SERVICE1 = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [configmap.yaml, secrets.yaml, release.yaml]
configurations: [kustomizeconfig.yaml]
secretGenerator:
  - name: service1-values
    files: [values.yaml]
  - name: service1-env
    envs: [app.env]
"""
NAME_REFERENCE = """\
nameReference:
  - kind: Secret
    version: v1
    fieldSpecs:
      - {path: spec/valuesFrom/name, kind: HelmRelease}
"""
CONFIGMAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {service}
data:
  LOG_LEVEL: {level}
  DB_HOST: db.{environment}.example.org
  # read by the web server
  server.conf: |
    listen 8080;
    root /srv;
"""
SECRETS1 = """\
# who may read the database
apiVersion: v1
kind: Secret
metadata:
  name: service1
stringData:
  DB_USER: service1
  DB_PASSWORD: "{password}"   # rotated by the platform team
  empty: ""
data:
  signature: {packed}
---
apiVersion: v1
kind: Secret
metadata:
  name: service1-pem
type: Opaque
stringData:
  client.pem: |
    -----BEGIN EXAMPLE-----
    {password}
    -----END EXAMPLE-----
"""
RELEASE1 = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: service1
spec:
  interval: 10m
  chart:
    spec:
      chart: ./k8s/helm-charts/web
      sourceRef: {{kind: GitRepository, name: repository}}
  valuesFrom:
    - kind: Secret
      name: service1-values
    - kind: Secret
      name: service1-env
      valuesKey: TOKEN
      targetPath: secrets.token
    - kind: ConfigMap
      name: service1-more
      optional: true
  values:
    level: {level}
"""
SERVICE2 = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../../base/service2, configmap.yaml, secrets.yaml, release.yaml]
commonAnnotations: {{example.org/team: payments}}
replicas:
  - {{name: service2, count: {replicas}}}
patches:
  - path: password.yaml
  - target: {{kind: Deployment, name: service2}}
    patch: |-
      - {{op: add, path: /spec/template/spec/containers/0/ports, value: [{{name: http, containerPort: 8080}}]}}
"""
SECRETS2 = """\
apiVersion: v1
kind: Secret
metadata:
  name: service2-keys
stringData:
  signature: {signature}
"""
PATCH2 = """\
apiVersion: v1
kind: Secret
metadata:
  name: service2
stringData:
  DB_PASSWORD: {password}
"""
RELEASE2 = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: service2
spec:
  interval: 10m
  releaseName: front
  chart:
    spec:
      chart: web
      version: 1.4.2
      sourceRef: {kind: HelmRepository, name: charts}
  values:
    service: {port: 9090}
"""
HELM_VALUES = """\
# {service}
replicas: {replicas}
secrets:
  admin: {admin}
"""
BASE = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [deployment.yaml, settings.yaml]
"""
BASE_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: service2
spec:
  selector:
    matchLabels: {app: service2}
  template:
    metadata:
      labels: {app: service2}
    spec:
      containers:
        - name: service2
          image: registry.example.org/service2:2.1.0
          envFrom:
            - secretRef: {name: service2}
            - configMapRef: {name: service2}
"""
BASE_SETTINGS = """\
apiVersion: v1
kind: Secret
metadata:
  name: service2
stringData:
  DB_USER: service2
  DB_PASSWORD: every environment has its own
"""
COMPONENT = """\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
secretGenerator:
  - name: registry
    type: kubernetes.io/dockerconfigjson
    files: [.dockerconfigjson=registry.json]
patches:
  - target: {kind: Deployment}
    patch: |-
      - {op: add, path: /spec/template/spec/imagePullSecrets, value: [{name: registry}]}
"""

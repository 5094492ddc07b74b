"""The files of the demo's repository: one service in three environments. All of its values start with `demo-`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.age import KeyIdentity

ENVIRONMENTS = ("dev", "qa", "prod")

SECRETS = """\
apiVersion: v1
kind: Secret
metadata:
  name: service1
  namespace: {environment}
type: Opaque
stringData:
  # rotated by the platform team
  DB_USER: demo-{environment}-db-user-77
  DB_PASSWORD: "demo-{environment}-db-pass-41c7"
  API_TOKEN: demo-{environment}-token-b3d8
"""

CONFIGMAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: service1
  namespace: {environment}
data:
  LOG_LEVEL: demo-debug-level
  DB_HOST: demo-{environment}-db-host.internal
"""

RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: service1
  namespace: {environment}
spec:
  interval: 10m
  chart:
    spec:
      chart: service1
      version: 1.4.2
      sourceRef:
        kind: HelmRepository
        name: charts
"""

SERVICE = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - configmap.yaml
  - secrets.yaml
  - release.yaml
"""

ENVIRONMENT = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - service1
"""

VALUES = """\
replicas: 2
data:
  adminEmail: demo-{environment}-admin@example.org
"""


def _encrypted() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for environment in ENVIRONMENTS:
        service = f"k8s/gitops/{environment}/service1"
        files[f"{service}/secrets.yaml"] = SECRETS.format(environment=environment).encode()
        files[f"{service}/configmap.yaml"] = CONFIGMAP.format(environment=environment).encode()
        values = f"k8s/helm-values/service1/{environment}-config.yaml"
        files[values] = VALUES.format(environment=environment).encode()
    return files


def _plain() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for environment in ENVIRONMENTS:
        folder = f"k8s/gitops/{environment}"
        files[f"{folder}/kustomization.yaml"] = ENVIRONMENT.encode()
        files[f"{folder}/service1/kustomization.yaml"] = SERVICE.encode()
        files[f"{folder}/service1/release.yaml"] = RELEASE.format(environment=environment).encode()
    return files


# path -> content, of what is to be encrypted and of what is not
ENCRYPTED = _encrypted()
PLAIN = _plain()


def creation_rules(
    cluster: KeyIdentity, ann: KeyIdentity, team: KeyIdentity, newcomer: KeyIdentity | None = None
) -> bytes:
    """A `.sops.yaml`: prod for the cluster, qa for ann too, dev for the team's key too, and for a newcomer."""
    readers = {"prod": [cluster], "qa": [ann, cluster], "dev": [team, cluster]}
    if newcomer is not None:
        readers["dev"].append(newcomer)
    lines = ["creation_rules:"]
    for environment, identities in readers.items():
        lines.append(f"  - path_regex: k8s/(gitops/{environment}/.*|helm-values/.*/{environment}-config)\\.yaml$")
        lines.append("    encrypted_regex: ^(data|stringData)$")
        lines.append(f"    age: {','.join(str(identity.recipient()) for identity in identities)}")
    return "\n".join([*lines, ""]).encode()


def team_config(names: Mapping[str, KeyIdentity]) -> bytes:
    """A `.sopskit.yaml`: prod protected, and who is behind the recipients."""
    lines = ["version: 1", "environments:"]
    for environment in ENVIRONMENTS:
        paths = f'["k8s/gitops/{environment}/**", "k8s/helm-values/*/{environment}-config.yaml"]'
        protected = ", protected: true" if environment == "prod" else ""
        lines.append(f"  - {{name: {environment}, paths: {paths}{protected}}}")
    lines.append("names:")
    lines += [f"  - {{name: {name}, recipients: [{identity.recipient()}]}}" for name, identity in names.items()]
    return "\n".join([*lines, ""]).encode()

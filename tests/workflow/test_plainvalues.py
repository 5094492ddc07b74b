"""Values for Helm that no rule would encrypt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.workflow.plainvalues import find_plain_values
from sopskit.workflow.sopsconfigs import SopsConfigs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey

VALUES = "image: {tag: v1}\ndb: {host: x, password: hunter2}\nsecrets: {apiToken: abc}\n"


def told(root: Path, path: str, text: str = VALUES, rules: str | None = None) -> list[str]:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)
    if rules is not None:
        (root / ".sops.yaml").write_text(rules)
    return [str(one) for one in find_plain_values(str(root), [path], SopsConfigs(str(root)))]


@pytest.mark.parametrize(
    "path",
    [
        "helm-values/api/values-prod.yaml",
        "charts/api/values.dev.yaml",
        "values.yml",
        "x/prod-values.yaml",
        "values_a.yaml",
    ],
)
def test_files_that_no_rule_means(tmp_path: Path, path: str) -> None:
    assert told(tmp_path, path) == [f"no rule would encrypt db.password, secrets.apiToken in {path}"]


def test_a_rule_that_leaves_a_key_out(tmp_path: Path, alice: AgeTestKey) -> None:
    path = "k8s/helm-values/api/prod-config.yaml"
    rule = f"creation_rules: [{{path_regex: helm, encrypted_regex: '^(data|stringData|secrets)$', age: {alice.recipient}}}]"
    assert told(tmp_path, path, rules=rule) == [
        f"the rule for {path} (encrypted_regex ^(data|stringData|secrets)$) leaves db.password plain: change either"
    ]
    assert told(tmp_path, path, rules=rule.replace("secrets", "secrets|password")) == []


@pytest.mark.parametrize(
    "text",
    [
        "auth: {existingSecret: db, secretName: db, passwordFile: /run/x}\n",
        "password: ''\n",
        "password: '{{ .Values.x }}'\n",
        "token: true\n",
        "tokens: {enabled: false}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: x}\n",
        "{{ if }}: [\n",
    ],
)
def test_what_is_no_secret_in_a_values_file(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, "values-dev.yaml", text) == []


@pytest.mark.parametrize("path", ["deployment.yaml", "valuesets.yaml", "values.txt"])
def test_other_files_are_not_looked_at(tmp_path: Path, path: str) -> None:
    assert told(tmp_path, path) == []


def test_many_keys_are_counted(tmp_path: Path) -> None:
    text = "".join(f"k{number}: {{password: x}}\n" for number in range(5))
    assert told(tmp_path, "values.yaml", text) == [
        "no rule would encrypt k0.password, k1.password, k2.password and 2 more in values.yaml"
    ]

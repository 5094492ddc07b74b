"""Which names inside values may be shown, and which are names of secrets."""

from __future__ import annotations

import random
import string

import pytest

from sopskit.redact.names import is_plain_name, is_secret_name, shown

PLAIN = """
DB_PASSWORD username auths apiKey clusters current-context certificate-authority-data client_email private_key_id project_id
client_x509_cert_url app.kubernetes.io/name logLevel maxConnections postgresql sha256 oauth2 s3 k8s i18n xmlHttpRequest
awsAccessKeyId kubernetes elasticsearch rabbitmq nginx index.docker.io ghcr.io eu.gcr.io alice jwtSecret jdbcUrl kafka fqdn
tls.crt azure pgbouncer httpsProxy backgroundColor upgrade bigquery frequency unique svc.cluster.local .dockerconfigjson
""".split()  # noqa: SIM905 a list of words
HIDDEN = """
ghp_8sK2mQ9vLp4wZx1c sk_live_4eC39HqLyjWDarjtT1zdp7dc AKIAIOSFODNN7EXAMPLE a8f3e9c1d2 550e8400-e29b-41d4-a716-446655440000
xoxb-123456789012-abcdefghijkl Tr0ub4dor3 123456 qzxkvbjw correcthorsebatterystaple aGVsbG8gd29ybGQ= größe
""".split()  # noqa: SIM905 a list of words
ALPHABETS = {
    "letters and digits": string.ascii_letters + string.digits,
    "hexadecimal": "0123456789abcdef",
    "capitals and digits": string.ascii_uppercase + string.digits,
    "base64": string.ascii_letters + string.digits + "-_",
}


@pytest.mark.parametrize("name", PLAIN)
def test_identifiers_are_shown(name: str) -> None:
    assert shown(name, 4) == name


@pytest.mark.parametrize("name", [*HIDDEN, "", "a b", "x" * 41])
def test_what_may_be_a_secret_is_not(name: str) -> None:
    assert shown(name, 4) == "[key 4]"


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_hardly_any_random_token_is_taken_for_an_identifier(alphabet: str) -> None:
    chosen = random.Random(alphabet)
    tokens = ["".join(chosen.choices(ALPHABETS[alphabet], k=16)) for _ in range(5000)]
    assert sum(map(is_plain_name, tokens)) <= 25


@pytest.mark.parametrize("key", ["DB_PASSWORD", "apiKey", "API_KEY", "PGPASSWORD", "token", "auth", "GITHUB_PAT", "aws_secret_access_key", "password2", "clientSecret", "SECRET_KEY_BASE"])  # fmt: skip
def test_names_of_secrets_are_known(key: str) -> None:
    assert is_secret_name(key)


@pytest.mark.parametrize("key", ["", "LOG_LEVEL", "secretName", "TOKEN_URL", "tokenExpirySeconds", "passwordFile", "keyId", "author", "bypass", "passport", "pattern", "DB_USER"])  # fmt: skip
def test_names_about_secrets_are_not_names_of_secrets(key: str) -> None:
    assert not is_secret_name(key)

"""URLs and data source names."""

from __future__ import annotations

import pytest

from sopskit.redact.kinds import describe
from sopskit.redact.urls import changed_parts, read_url

ALL = ("user", "password", "host", "port", "path")


@pytest.mark.parametrize(
    ("text", "scheme", "components"),
    [
        ("postgres://app:s3cr3t@db:5432/shop?sslmode=require", "postgres", (*ALL, "query")),
        ("postgresql://u:p@a:1,b:2/d", "postgresql", ALL),
        ("mysql+pymysql://u:p@h/d", "mysql+pymysql", ("user", "password", "host", "path")),
        ("mongodb+srv://u:p@cluster.example/d?retryWrites=true", "mongodb+srv", ("user", "password", "host", "path", "query")),
        ("redis://:p@redis:6379/0", "redis", ("password", "host", "port", "path")),
        ("amqp://guest:guest@[::1]:5672/", "amqp", ("user", "password", "host", "port")),
        ("https://example.com", "https", ("host",)),
        ("HTTPS://example.com/a#b", "https", ("host", "path", "fragment")),
        ("https://hooks.example.com/services/T0/B0/x", "https", ("host", "path")),
        ("https://example.com/?token=x", "https", ("password", "host")),
        ("sqlite:///data/x.db", "sqlite", ("path",)),
        ("mysecret+x://h", None, ("host",)),
        ("postgres+mydriver://h", "postgres", ("host",)),
        ("postgres://u:pa/ss?w#d@h:1/d", "postgres", ALL),
        ("postgres://u:p@ss@h:1/d", "postgres", ALL),
        ("https://example.com:443/@ann", "https", ("host", "port", "path")),
        ("jdbc:postgresql://h:5432/d?user=u&password=p", "postgresql", ALL),
        ("jdbc:sqlserver://h:1433;databaseName=d;user=u;password=p;encrypt=true", "sqlserver", (*ALL, "query")),
        ("jdbc:oracle:thin:scott/tiger@//h:1521/d", "oracle", ALL),
        ("jdbc:oracle:thin:@h:1521:d", "oracle", ("host", "port", "path")),
        ("u:p@tcp(h:3306)/d?parseTime=true", "mysql", (*ALL, "query")),
        ("u@unix(/run/mysqld.sock)/d", "mysql", ("user", "host", "path")),
        ("host=h port=5432 user=u password=p dbname=d", None, ALL),
        ("Server=h;Port=3306;Database=d;Uid=u;Pwd=p;SslMode=None", None, (*ALL, "query")),
        ("Server=tcp:h,1433;Initial Catalog=d;User ID=u;Password=p;", None, ("user", "password", "host", "path")),
        ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k==;EndpointSuffix=e", None, ("password", "host", "query")),
        ("Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=k=", None, ("user", "password", "host")),
        ("h:6379,password=p,ssl=True", None, ("password", "host", "port", "query")),
    ],
)  # fmt: skip
def test_the_components_of_urls_and_dsns_are_found(text: str, scheme: str | None, components: tuple[str, ...]) -> None:
    facts: dict[str, object] = {"components": components}
    assert describe(text.encode()) == ("url", {**facts, "scheme": scheme} if scheme else facts)


@pytest.mark.parametrize(
    "text",
    ["", "a=b", "a=b c=d", "not a url", "x://a b", "a://b\nc://d", "://", "user=a", "C:/windows", "=;=", "a:b@c"],
)
def test_other_texts_are_no_urls(text: str) -> None:
    assert read_url(text) is None


@pytest.mark.parametrize("component", ["scheme", "user", "password", "host", "port", "path", "query", "fragment"])
def test_one_changed_component_is_named_alone(component: str) -> None:
    parts = {name: name for name in ("scheme", "user", "password", "host", "path", "query", "fragment")} | {"port": "1"}
    shape = "{scheme}://{user}:{password}@{host}:{port}/{path}?{query}#{fragment}"
    old, new = (
        read_url(shape.format(**part))
        for part in (parts, {**parts, component: "other" if component == "scheme" else "2"})
    )
    assert old is not None
    assert new is not None
    assert changed_parts(old, new) == (component,)


def test_a_url_shows_the_names_of_its_components_only() -> None:
    assert repr(read_url("postgres://app:s3cr3t@db/x")) == "Url(scheme, user, password, host, path)"

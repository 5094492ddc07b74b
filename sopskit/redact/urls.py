"""What may be said of URLs and data source names: a well-known scheme, and which components there are.

Read tolerantly, as drivers do and RFC 3986 does not: passwords with unescaped signs, several hosts, `key=value` lists of
libpq, ADO.NET and Azure, the MySQL driver of Go, StackExchange.Redis, JDBC. A component put in the wrong place costs a wrong
word in a report; its text is never shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST = 4 * 1024
COMPONENTS = ("scheme", "user", "password", "host", "port", "path", "query", "fragment")
SCHEMES = frozenset(
    (
        "amqp", "amqps", "azure", "bolt", "cassandra", "clickhouse", "consul", "elasticsearch", "file", "ftp", "ftps", "git",
        "grpc", "grpcs", "gs", "http", "https", "imap", "imaps", "jdbc", "kafka", "ldap", "ldaps", "mariadb", "memcached",
        "mongodb", "mqtt", "mqtts", "mssql", "mysql", "mysqlx", "nats", "neo4j", "oci", "oracle", "otpauth", "pop3", "pop3s",
        "postgres", "postgresql", "pulsar", "redis", "rediss", "s3", "sb", "sftp", "smtp", "smtps", "socks5", "sqlite",
        "sqlserver", "ssh", "ssl", "tcp", "tls", "udp", "unix", "valkey", "vault", "ws", "wss",
    )
)  # fmt: skip
DRIVERS = frozenset(
    (
        "aiomysql", "aiosqlite", "asyncpg", "cx_oracle", "http", "https", "mysqlconnector", "mysqldb", "oracledb", "psycopg",
        "psycopg2", "pymysql", "pyodbc", "s", "srv", "ssc", "ssh", "tls", "unix",
    )
)  # fmt: skip
URL = re.compile(r"(jdbc:)?([A-Za-z][A-Za-z0-9+.-]{0,30})://([^\s\x00-\x1f]*)")
ORACLE = re.compile(r"jdbc:oracle:[a-z0-9]{1,10}:(?:([^/@]*)/([^@]*))?@(?://)?([^:/]*)(?::(\d+))?([:/].*)?")
GO_MYSQL = re.compile(r"(?:([^:@/]*)(?::(.*))?@)?(?:tcp|tcp6|udp|unix)\(([^)]*)\)/([^?]*)(?:\?(.*))?")
HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]*\]|[^:\[\]]*)(?::(\d*))?")
HOST_PORT_OPTIONS = re.compile(r"[A-Za-z0-9._-]+:\d+(?:,[A-Za-z0-9._-]+:\d+)*,[A-Za-z]+=")
NAMES = {
    "host": ("host", "hostaddr", "hostname", "server", "datasource", "address", "addr", "networkaddress", "endpoint",
             "accountname", "endpointsuffix", "blobendpoint", "servername"),
    "port": ("port",),
    "user": ("user", "userid", "uid", "username", "sharedaccesskeyname"),
    "password": ("password", "pwd", "passwd", "pass", "sharedaccesskey", "accountkey", "sharedaccesssignature", "secret",
                 "token", "apikey", "accesstoken", "sig"),
    "path": ("dbname", "database", "databasename", "initialcatalog", "entitypath", "db"),
}  # fmt: skip
COMPONENT_OF = {name: component for component, names in NAMES.items() for name in names}


class Url(dict[str, str]):
    """The components that are there, by name. Their texts are for comparing in memory only."""

    def __repr__(self) -> str:
        """The names of the components."""
        return f"Url({', '.join(self)})"


def read_url(text: str) -> Url | None:
    """The components of a URL or DSN on one line; None if it is neither."""
    text = text.strip()
    if not text or len(text) > LONGEST or "\n" in text:
        return None
    for read in (_url, _oracle, _go_mysql, _options, _pairs):
        found = read(text)
        if found is not None:
            return found
    return None


def _url(text: str) -> Url | None:
    match = URL.fullmatch(text)
    if match is None:
        return None
    jdbc, scheme, rest = match.groups()
    found: dict[str, str] = {"scheme": scheme.lower()}
    rest, found["fragment"] = _cut(rest, "#")
    authority, rest = _authority(rest, semicolon=bool(jdbc))
    rest, query = _cut(rest, "?")
    if jdbc:
        rest, _, parameters = rest.partition(";")
        query = "&".join(part for part in (query, parameters.replace(";", "&")) if part)
    user, found["host"], found["port"] = _split_authority(authority)
    found["user"], _, found["password"] = user.partition(":")
    found["path"] = rest if rest != "/" else ""
    return _collect(found, query.split("&"))


def _cut(text: str, mark: str) -> tuple[str, str]:
    """Before and after a mark; an `@` behind the mark means that it is part of a password."""
    before, _, after = text.partition(mark)
    return (text, "") if "@" in after and "@" not in before else (before, after)


def _authority(rest: str, *, semicolon: bool) -> tuple[str, str]:
    """The authority and what follows. If `user:pa/ss@host` stands there, the slash is the password's."""
    ends = "/?;" if semicolon else "/?"
    end = next((place for place, char in enumerate(rest) if char in ends), len(rest))
    _, colon, port = rest[:end].rpartition(":")
    if "@" not in rest[:end] and "@" in rest[end:] and colon and not port.isdigit():
        start = rest.rindex("@") + 1
        end = next((place for place in range(start, len(rest)) if rest[place] in ends), len(rest))
    return rest[:end], rest[end:]


def _split_authority(authority: str) -> tuple[str, str, str]:
    """User information, hosts and ports, those of several hosts joined."""
    user, _, hosts = authority.rpartition("@")
    pairs = [HOST_PORT.fullmatch(host) for host in hosts.split(",")]
    if None in pairs:
        return user, hosts, ""
    names = ",".join(pair[1] for pair in pairs if pair)
    ports = ",".join(pair[2] or "" for pair in pairs if pair)
    return user, names, ports if ports.strip(",") else ""


def _oracle(text: str) -> Url | None:
    match = ORACLE.fullmatch(text)
    if match is None:
        return None
    names = ("user", "password", "host", "port", "path")
    return _collect(
        {"scheme": "oracle", **{name: part or "" for name, part in zip(names, match.groups(), strict=True)}}
    )


def _go_mysql(text: str) -> Url | None:
    match = GO_MYSQL.fullmatch(text)
    if match is None:
        return None
    user, password, address, path, query = (part or "" for part in match.groups())
    _, host, port = _split_authority(address)
    found = {"scheme": "mysql", "user": user, "password": password, "host": host, "port": port, "path": path}
    return _collect(found, query.split("&"))


def _options(text: str) -> Url | None:
    """`host:6379,password=...,ssl=True`."""
    if HOST_PORT_OPTIONS.match(text) is None:
        return None
    parts = text.split(",")
    hosts = [part for part in parts if "=" not in part]
    _, host, port = _split_authority(",".join(hosts))
    return _collect({"host": host, "port": port}, [part for part in parts if "=" in part])


def _pairs(text: str) -> Url | None:
    """`host=db user=app password=...`, `Server=db;User Id=app;Password=...`."""
    text = text.strip("; ")
    parts = [part for part in (text.split(";") if ";" in text else text.split()) if part.strip()]
    if len(parts) < 2 or any("=" not in part for part in parts):
        return None
    found = _collect({}, parts)
    return found if "host" in found or {"user", "password"} <= found.keys() else None


def _collect(found: Mapping[str, str], pairs: Iterable[str] = ()) -> Url:
    """Add `key=value` pairs under the components that their keys mean; those that mean none make up the query."""
    components = {name: found.get(name, "") for name in COMPONENTS}
    others: list[str] = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        component = COMPONENT_OF.get(re.sub(r"[\s_-]", "", key).lower()) if equals else None
        if component is None:
            others.append(pair)
        elif value:
            components[component] += value
    components["query"] += "&".join(other for other in others if other)
    return Url({name: text for name, text in components.items() if text})


def url_facts(url: Url) -> Mapping[str, str | tuple[str, ...]]:
    """What may be printed: the scheme if it is well known, and which components there are."""
    facts: dict[str, str | tuple[str, ...]] = {"components": tuple(name for name in url if name != "scheme")}
    scheme, _, driver = url.get("scheme", "").partition("+")
    if scheme in SCHEMES:
        facts["scheme"] = f"{scheme}+{driver}" if driver in DRIVERS else scheme
    return facts


def changed_parts(old: Url, new: Url) -> tuple[str, ...]:
    """Which components differ."""
    return tuple(name for name in COMPONENTS if old.get(name) != new.get(name)) or ("encoding",)

"""Reviews of every kind, in every form: no secret is in what they print, say of failures, or leave behind.

The values are of the kinds that a review with a key takes apart. test_commands.py watches the system calls of some of these
command lines; here all of them run in one process, and mutants that leak on purpose show that the scan would see it.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sopskit.redact import kinds
from sopskit.redact.kinds import Described
from sopskit.review import alignment
from sopskit.review.findings.policy import Hit
from tests.canary.canaries import Canary, Scanner, token
from tests.canary.observing import leaks_in_folders
from tests.cli.running import Done, sopskit
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.conftest import AgeTestKey, World

FORMATS = ("terminal", "markdown", "html", "json", "sarif", "gitlab")
FILE = "k8s/gitops/prod/app/secrets.yaml"
DEV = "k8s/gitops/dev/app/secrets.yaml"
TEAM = """version: 1
environments:
  - {name: prod, paths: ["k8s/gitops/prod/**"], protected: true}
  - {name: dev, paths: ["k8s/gitops/dev/**"]}
"""


class Secrets(NamedTuple):
    """The values of one state of a file, and the canaries in them."""

    values: Mapping[str, str]
    canaries: tuple[Canary, ...]


def plant(name: str) -> Secrets:
    """Fresh secrets of every kind that is taken apart."""
    words = {
        slot: token() for slot in ("string", "user", "password", "host", "database", "claim", "auth", "inner", "key")
    }
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    parts = [json.dumps({"alg": "HS256"}), json.dumps({"sub": words["claim"], "exp": 2_000_000_000}), words["key"]]
    jwt = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    auth = base64.b64encode(f"robot:{words['auth']}".encode()).decode()
    values = {
        "PASSWORD": words["string"],
        "DATABASE_URL": f"postgres://{words['user']}:{words['password']}@{words['host']}.example.org:5432/{words['database']}",
        "tls.crt": certificate(key),
        "tls.key": pem,
        "SESSION": jwt,
        ".dockerconfigjson": json.dumps({"auths": {"registry.example.org": {"auth": auth}}}),
        "settings.json": json.dumps({words["inner"]: {"password": words["string"]}}),
        "PIN": str(secrets.randbelow(9 * 10**17) + 10**17),
    }
    lines = [line for line in pem.splitlines() if not line.startswith("-----")]
    canaries = [Canary(f"{name} {slot}", text) for slot, text in words.items()]
    canaries += [Canary(f"{name} private key, line {number}", line) for number, line in enumerate(lines)]
    canaries.append(Canary(f"{name} number", values["PIN"], windows=False))
    return Secrets(values, tuple(canaries))


def certificate(key: ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app.example.org")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=9))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def manifest(secret: Secrets) -> str:
    entries = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in secret.values.items())
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n    name: app\nstringData:\n    # {secret.values['PASSWORD']}\n{entries}"


class Reviewed:
    """A repository with two states of secrets, and what is done to them on branches."""

    def __init__(self, git: Git, sops: str, alice: AgeTestKey) -> None:
        self.git = git
        self.sops = sops
        self.alice = alice
        self.old, self.new = plant("old"), plant("new")
        rules = {"creation_rules": [{"encrypted_regex": "^(data|stringData)$", "age": alice.recipient}]}
        self.sealed = self.seal(manifest(self.old))
        git.commit(
            {
                ".sops.yaml": json.dumps(rules).encode(),
                ".sopskit.yaml": TEAM.encode(),
                FILE: self.sealed,
                DEV: self.sealed,
            }
        )
        self.branch("edit", self.edited())
        self.branch("replace", self.seal(manifest(self.new)))
        self.branch("rotate", self.changed("rotate", "--in-place"))
        self.branch("damage", self.sealed.replace(b"kind: Secret", b"kind: ConfigMap"))
        self.branch(
            "token", self.sealed.replace(b"PASSWORD: ENC[AES256_GCM,data:", b"PASSWORD: ENC[AES256_GCM,data:AAAA")
        )
        git("checkout", "--quiet", "main")

    def run(self, *arguments: str, input: bytes = b"") -> bytes:
        """Run sops in the repository's folder, with the key."""
        environ = {"SOPS_AGE_KEY_FILE": str(self.alice.path), "SOPS_DISABLE_VERSION_CHECK": "1"}
        done = subprocess.run(
            [self.sops, *arguments], cwd=self.git.folder, env=environ, input=input, capture_output=True, check=True
        )
        return done.stdout

    def seal(self, text: str) -> bytes:
        name = ["--filename-override", "secrets.yaml", "/dev/stdin"]
        options = ["--age", self.alice.recipient, "--encrypted-regex", "^(data|stringData)$"]
        return self.run("encrypt", *options, *name, input=text.encode())

    def changed(self, *arguments: str) -> bytes:
        """What a command of sops makes of the file."""
        path = self.git.write("scratch.yaml", self.sealed)
        self.run(*arguments, "scratch.yaml")
        data = path.read_bytes()
        path.unlink()
        return data

    def edited(self) -> bytes:
        """Every value changed under the same data key."""
        path = self.git.write("scratch.yaml", self.sealed)
        for key, value in self.new.values.items():
            self.run("set", "scratch.yaml", f'["stringData"]["{key}"]', json.dumps(value))
        data = path.read_bytes()
        path.unlink()
        return data

    def branch(self, name: str, data: bytes) -> None:
        self.git("checkout", "--quiet", "-B", name, "main")
        self.git.commit({FILE: data})

    @property
    def scanner(self) -> Scanner:
        identity = Canary("identity", self.alice.identity.removeprefix("AGE-SECRET-KEY-"))
        return Scanner([*self.old.canaries, *self.new.canaries, identity])


@pytest.fixture
def reviewed(
    tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> Reviewed:
    tool("git")
    found = Reviewed(init(tmp_path / "repository"), tool("sops"), alice)
    monkeypatch.chdir(found.git.folder)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(alice.path))
    return found


def leaks(done: Done, scanner: Scanner) -> set[tuple[str, str, str]]:
    hits = scanner.scan(done.out, "standard output") | scanner.scan(done.err.encode(), "standard error")
    return {(hit.slot, hit.form, hit.place) for hit in hits}


@pytest.mark.parametrize("mode", [(), ("--keyless",), ("--trusted-author",)], ids=["keyed", "keyless", "trusted"])
@pytest.mark.parametrize("branch", ["edit", "replace", "rotate", "damage", "token"])
def test_no_secret_is_in_a_review(branch: str, mode: tuple[str, ...], reviewed: Reviewed, world: World) -> None:
    scanner = reviewed.scanner
    for format in FORMATS:
        done = sopskit("review-diff", f"main..{branch}", "--format", format, *mode)
        assert done.code in (0, 1), done.err
        assert done.out
        assert leaks(done, scanner) == set(), format
    assert leaks_in_folders(scanner, [world.root, reviewed.git.folder]) == set()


COMMANDS = (
    ("review-diff", "--worktree"),
    ("review-diff", "--staged"),
    ("review-diff", "--files", FILE, DEV),
    ("check", "--all"),
    ("check", "--staged"),
    ("check", "--range", "main..edit"),
    ("check", "--json", FILE),
    ("log", FILE),
    ("log", "--json", FILE, "stringData.PASSWORD"),
    ("env-diff", "dev", "prod"),
    ("env-diff", "--equality", "--json", "dev", "prod"),
    ("recipients", "list"),
    ("rules", "explain", FILE),
    ("init", "--dry-run"),
)


@pytest.mark.parametrize("terminals", ["", "stdout stderr"], ids=["pipe", "terminal"])
@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_no_secret_is_in_what_its_neighbours_print(argv: tuple[str, ...], terminals: str, reviewed: Reviewed) -> None:
    reviewed.git.write(FILE, reviewed.edited())
    done = sopskit(*argv, terminals=terminals)
    assert "a bug in sopskit" not in done.err
    assert leaks(done, reviewed.scanner) == set()


# --- failures


def broken_yaml(reviewed: Reviewed) -> tuple[str, ...]:
    reviewed.branch("broken", reviewed.sealed + f"  broken: [{reviewed.old.values['PASSWORD']} {{\n".encode())
    return ("review-diff", "main..broken")


def plain_among_encrypted(reviewed: Reviewed) -> tuple[str, ...]:
    clear = f"    clear: {reviewed.old.values['PASSWORD']}\nsops:\n".encode()
    reviewed.branch("clear", reviewed.sealed.replace(b"sops:\n", clear))
    return ("review-diff", "main..clear")


def plain_secret(reviewed: Reviewed) -> tuple[str, ...]:
    reviewed.branch("plain", manifest(reviewed.new).encode())
    return ("review-diff", "main..plain")


def conflict(reviewed: Reviewed) -> tuple[str, ...]:
    text = manifest(reviewed.new)
    reviewed.branch("conflict", f"<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n".encode())
    return ("review-diff", "main..conflict")


def token_of_plain_text(reviewed: Reviewed) -> tuple[str, ...]:
    text = f"PASSWORD: ENC[AES256_GCM,data:{reviewed.old.values['PASSWORD']},iv:".encode()
    line = next(line for line in reviewed.sealed.split(b"\n") if b" PASSWORD:" in line)
    reviewed.branch("odd", reviewed.sealed.replace(line.strip(), text))
    return ("review-diff", "main..odd")


def lost_object(reviewed: Reviewed) -> tuple[str, ...]:
    id = reviewed.git("rev-parse", f"edit:{FILE}")
    (reviewed.git.folder / ".git" / "objects" / id[:2] / id[2:]).unlink()
    return ("review-diff", "main..edit")


def broken_rules(reviewed: Reviewed) -> tuple[str, ...]:
    reviewed.git("checkout", "--quiet", "-B", "rules", "main")
    reviewed.git.commit(
        {".sops.yaml": f"creation_rules: [{reviewed.old.values['PASSWORD']} {{".encode(), FILE: reviewed.edited()}
    )
    return ("review-diff", "main..rules")


def broken_team(reviewed: Reviewed) -> tuple[str, ...]:
    reviewed.git("checkout", "--quiet", "-B", "team", "main")
    reviewed.git.commit({".sopskit.yaml": f"version: [{reviewed.old.values['PASSWORD']} {{".encode()})
    return ("review-diff", "team..edit")


def file_that_cannot_be_written(reviewed: Reviewed) -> tuple[str, ...]:
    return ("review-diff", "main..edit", "--write", f"html:{reviewed.git.folder}/missing/review.html")


def unknown_revision(reviewed: Reviewed) -> tuple[str, ...]:
    return ("review-diff", "main..nowhere")


def wrong_usage(reviewed: Reviewed) -> tuple[str, ...]:
    return ("review-diff", "--format", "pictures")


FAILURES = (
    broken_yaml,
    plain_among_encrypted,
    plain_secret,
    conflict,
    token_of_plain_text,
    lost_object,
    broken_rules,
    broken_team,
    file_that_cannot_be_written,
    unknown_revision,
    wrong_usage,
)


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)
def test_no_secret_is_in_what_is_said_of_a_failure(
    fail: Callable[[Reviewed], tuple[str, ...]], reviewed: Reviewed
) -> None:
    argv = fail(reviewed)
    scanner = reviewed.scanner
    for format in FORMATS if "--format" not in argv else ("pictures",):
        done = sopskit(*argv, *(() if "--format" in argv else ("--format", format)))
        assert done.code in (1, 2), (format, done.out)
        assert leaks(done, scanner) == set(), format
        assert "Traceback" not in done.err
        assert "a bug in sopskit" not in done.err


# --- mutants


def facts_with_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = lambda data, **_: Described("text", {"subject": data.decode()})  # noqa: E731
    monkeypatch.setattr(kinds, "describe", shown)


def facts_with_a_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    shown = lambda data, **_: Described("text", {"subject": hashlib.sha256(data).hexdigest()})  # noqa: E731
    monkeypatch.setattr(kinds, "describe", shown)


def facts_with_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = lambda data, **_: Described("text", {"subject": data.decode()[:8]})  # noqa: E731
    monkeypatch.setattr(kinds, "describe", shown)


def parts_with_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "compare_parts", lambda old, new, kind: (new.decode(),))


def a_finding_with_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    from sopskit.review import assemble
    from sopskit.review.findings.policy import FilePolicy

    def leak(subject):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        for plain in (subject.plain.head or {}).values():
            yield Hit("a value: {value}", args={"value": plain.data.decode()})

    policy = FilePolicy("VAL99", "low", "leak", why="", remedy="", find=leak)
    monkeypatch.setattr(assemble, "POLICIES", (policy,))


def a_repr_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from sopskit.errors import UsageError

    def leak(data, **_):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN202
        raise UsageError(f"cannot describe {data!r}")

    monkeypatch.setattr(kinds, "describe", leak)


MUTANTS = (
    facts_with_the_value,
    facts_with_a_digest,
    facts_with_the_beginning,
    parts_with_the_text,
    a_finding_with_the_value,
    a_repr_in_an_error,
)


@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: mutate.__name__)
@pytest.mark.parametrize("format", FORMATS)
def test_a_review_that_leaks_is_caught(
    mutate: Callable[[pytest.MonkeyPatch], None], format: str, reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    done = sopskit("review-diff", "main..edit", "--format", format)
    if format in ("sarif", "gitlab") and mutate not in (a_finding_with_the_value, a_repr_in_an_error):
        return  # they show findings only
    assert leaks(done, reviewed.scanner) != set()


# --- what no scan would see


def test_a_report_is_the_same_for_values_of_any_length(reviewed: Reviewed) -> None:
    texts = set()
    for length in (14, 15, 16, 23, 24, 33, 40):
        base, head = (
            "".join(secrets.choice("bcdfghkmnpqrtvwxz23456789BCDFGHKMNPQ") for _ in range(length)) for _ in "ab"
        )
        path = reviewed.git.write("scratch.yaml", reviewed.seal(f"stringData:\n    PASSWORD: {base}\n"))
        old = path.read_bytes()
        reviewed.run("set", "scratch.yaml", '["stringData"]["PASSWORD"]', json.dumps(head))
        new = path.read_bytes()
        path.unlink()
        reviewed.branch("from", old)
        reviewed.git("checkout", "--quiet", "-B", "to", "from")
        reviewed.git.commit({FILE: new})
        done = sopskit("review-diff", "from..to", "--format", "json", "--trusted-author")
        report = json.loads(done.out)
        for change in report["files"][0]["changes"]:
            del change["range"]  # a place in the ciphertext, which everybody can see
        texts.add(json.dumps([report["files"][0]["changes"], [finding["id"] for finding in report["findings"]]]))
    assert len(texts) == 1


def test_short_values_are_not_said_to_be_equal() -> None:
    assert alignment.SHORTEST_TOLD >= 8

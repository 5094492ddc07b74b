"""Reviews that every renderer is tried with: a plain one, an empty one, a keyed one, two large ones, a hostile one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit.review.model import (
    SEVERITIES,
    Change,
    CommitOperations,
    ConfigSource,
    End,
    EnvironmentFiles,
    FileReview,
    Finding,
    Guard,
    NotChecked,
    ObjectChange,
    ObjectKey,
    Operation,
    Point,
    Range,
    Recipient,
    ReviewDiff,
    Sides,
    Value,
    Waived,
)
from tests.review.render.attacks import ATTACKS, HEAD, STICKY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from sopskit.review.model import ChangeKind, MacState

    Build: TypeAlias = Callable[[], ReviewDiff]

__all__ = ["ATTACKS", "HEAD", "STICKY"]

BASE = "3f2c1ab0" + "0" * 32
BOTH: Sides[bool | None] = Sides(True, True)
NEITHER: Sides[Any] = Sides(None, None)
UNCHECKED: Sides[MacState | None] = Sides("unchecked", "unchecked")
ANN = Recipient("age", "age1" + "q" * 58, 0, "ann")
STRANGER = Recipient("age", "age1f0" + "z" * 53 + "9k2")
ENCRYPTED = Value("opaque")


def change(path: tuple[str | int, ...], kind: ChangeKind = "changed", **more: Any) -> Change:
    """A string that was and is encrypted."""
    fields: dict[str, Any] = {
        "encrypted": BOTH,
        "type": Sides("str", "str"),
        "value": Sides(ENCRYPTED, ENCRYPTED),
        "range": Sides(Range(Point(8, 5), Point(8, 90)), Range(Point(9, 5), Point(9, 90))),
    }
    return Change(0, path, kind, **(fields | more))


def plain() -> ReviewDiff:
    """The contract's example: a password in dev, a recipient in prod, a stale MAC in qa; no key."""
    return ReviewDiff(
        End("main", BASE),
        End("rotate-db", HEAD),
        (_dev_edited(), _prod_with_a_stranger(), _qa_stale()),
        config=ConfigSource(BASE, ".sopskit.yaml"),
        environments=(EnvironmentFiles("dev", 1), EnvironmentFiles("prod", 1), EnvironmentFiles("qa", 1)),
    )


def _dev_edited() -> FileReview:
    return FileReview(
        "k8s/gitops/dev/service1/secrets.yaml",
        "modified",
        format="yaml",
        environment="dev",
        encrypted=BOTH,
        operations=(
            Operation("edit", "consistent", "looks like an edit by a reader of the file", {"changed": 1, "values": 5}),
        ),
        mac=UNCHECKED,
        data_key="same",
        changes=(change(("stringData", "DB_PASSWORD")),),
        recipients=Sides((ANN,), (ANN,)),
        objects=(ObjectChange("Secret", "dev", "service1", (ObjectKey("DB_PASSWORD", "changed", "stringData"),)),),
    )


def _prod_with_a_stranger() -> FileReview:
    path = "k8s/gitops/prod/service1/secrets.yaml"
    finding = Finding(
        "RCP03",
        "block",
        "a recipient that .sops.yaml does not list",
        "{recipient} can now read this file, but .sops.yaml does not list it",
        "take it out with sopskit updatekeys and rotate, or list it",
        path,
        {"recipient": STRANGER.id},
        line=14,
    )
    return FileReview(
        path,
        "modified",
        format="yaml",
        environment="prod",
        encrypted=BOTH,
        operations=(Operation("updatekeys", "consistent", "looks like updatekeys: the same data key"),),
        mac=UNCHECKED,
        data_key="same",
        recipients=Sides((ANN,), (ANN, STRANGER)),
        findings=(finding,),
    )


def _qa_stale() -> FileReview:
    path = "k8s/gitops/qa/service1/configmap.yaml"
    key = ("data", "LOG_LEVEL")
    stale = Finding(
        "MAC02",
        "block",
        "the MAC is older than the file",
        "{key} changed, mac did not; a formatter or a bot may have written it; decrypting will fail",
        "restore the file, and make the change with sopskit edit or set",
        path,
        {"key": "data.LOG_LEVEL"},
        document=0,
        line=9,
        key=key,
    )
    waived = Finding(
        "ENC08",
        "medium",
        "a value that looks secret is plain text",
        "{key} is plain text",
        "encrypt it",
        path,
        {"key": "data.LOG_LEVEL"},
        key=key,
        waived=Waived("log level is public", "ann", "2027-01-31"),
    )
    return FileReview(
        path,
        "modified",
        format="yaml",
        environment="qa",
        encrypted=BOTH,
        operations=(
            Operation("hand-edit", "consistent", "changed without sops: the MAC is the old one", {"changed": 1}),
        ),
        mac=Sides("unchecked", "stale"),
        data_key="same",
        changes=(
            change(key, encrypted=Sides(False, False), value=Sides(Value("text"), Value("text"))),
            change(
                ("metadata", "name"),
                encrypted=Sides(False, False),
                value=Sides(Value("text", text="service1"), Value("text", text="service-1")),
            ),
        ),
        recipients=Sides((ANN,), (ANN,)),
        findings=(stale, waived),
    )


def empty() -> ReviewDiff:
    """Nothing changed."""
    return ReviewDiff(End("main", BASE), End("topic", HEAD), ())


def clean() -> ReviewDiff:
    """One edit, no finding."""
    return ReviewDiff(End("main", BASE), End("topic", HEAD), (_dev_edited(),))


def check() -> ReviewDiff:
    """What `check` reports: no base, what is staged, a file that could not be read."""
    return ReviewDiff(
        None,
        End("staged", None),
        (FileReview("a.yaml", "added", format="yaml", encrypted=Sides(None, True), mac=Sides(None, "unchecked")),),
        not_checked=(NotChecked("b.yaml", "broken YAML on line 3", decisive=True),),
    )


def keyed() -> ReviewDiff:
    """With a key: a certificate and a URL that changed, equal values, valid MACs, one finding of all severities each."""
    path = "overlays/prod/tls.yaml"
    old = Value("certificate", {"subject": "CN=example.org", "not_after": "2026-01-31", "key": "ECDSA P-256"})
    new = Value("certificate", {"subject": "CN=example.org", "not_after": "2027-01-31", "private_key_matches": True})
    changes = (
        change(("stringData", "tls.crt"), value=Sides(old, new)),
        change(("stringData", "DATABASE_URL"), value=Sides(Value("url"), Value("url")), parts=("host", "password")),
        change(
            ("stringData", "API_KEY"),
            "added",
            encrypted=Sides(None, True),
            type=Sides(None, "str"),
            value=Sides(None, Value("password", same_as=1)),
        ),
        change(
            ("stringData", "OLD_KEY"),
            "removed",
            encrypted=Sides(True, None),
            type=Sides("str", None),
            value=Sides(Value("password", same_as=1), None),
        ),
        change(
            ("stringData", "PORT"), "retyped", type=Sides("str", "int"), value=Sides(Value("number"), Value("number"))
        ),
        change(("stringData", "MOVED"), "moved", origin=("data", "MOVED")),
        change(("list", 0, "a b"), "reencrypted", certain=False),
        change((), "comment", encrypted=NEITHER, type=NEITHER, value=NEITHER),
    )
    file = FileReview(
        path,
        "renamed",
        old_path="overlays/prod/old-tls.yaml",
        format="yaml",
        environment="prod",
        old_environment="prod",
        encrypted=BOTH,
        operations=(Operation("rotate", "consistent", "a new data key over unchanged values", {"changed": 3}),),
        commits=(CommitOperations(HEAD, (Operation("rotate", "consistent", "a new data key"),)),),
        mac=Sides("valid", "valid"),
        data_key="new",
        changes=changes,
        recipients=Sides((ANN, STRANGER), (ANN,)),
        threshold=Sides(None, 2),
        rules=Sides({"encrypted_regex": "^data$"}, {"encrypted_regex": "^(data|stringData)$"}),
        matched="creation_rules[2]",
        findings=tuple(
            Finding(
                f"X0{number}", severity, f"a {severity} title", f"a {severity} message", "do it", path, needs_key=True
            )
            for number, severity in enumerate(reversed(SEVERITIES))
        ),
    )
    return ReviewDiff(
        End("main", BASE),
        End("topic", HEAD),
        (file,),
        mode="keyed",
        guard=Guard(True, "the author is a known reader"),
        environments=(EnvironmentFiles("prod", 1),),
        other_findings=(
            Finding(
                "ENV01",
                "medium",
                "a key is missing",
                "{key} is in dev only",
                "add it",
                "overlays/qa/a.yaml",
                {"key": "data.A"},
            ),
        ),
    )


def five_thousand_changes() -> ReviewDiff:
    """Twenty files with 250 keys each, 300 findings, the worst of which comes last."""
    files = []
    for number in range(20):
        path = f"k8s/gitops/env{number % 4}/service{number}/secrets.yaml"
        findings = [
            Finding(
                "ENC08",
                "low",
                "plain text",
                "{key} is plain text",
                "encrypt it",
                path,
                {"key": f"data.SERVICE_{number}_KEY_{key}"},
                line=key + 1,
            )
            for key in range(15)
        ]
        files.append(
            FileReview(
                path,
                "modified",
                format="yaml",
                environment=f"env{number % 4}",
                encrypted=BOTH,
                operations=(Operation("edit", "consistent", "looks like an edit", {"changed": 250, "values": 300}),),
                mac=UNCHECKED,
                data_key="same",
                changes=tuple(change(("stringData", f"SERVICE_{number}_SETTING_{key}")) for key in range(250)),
                findings=tuple(findings),
            )
        )
    worst = Finding(
        "MAC02", "block", "the MAC is older than the file", "the worst of all", "restore it", files[-1].path
    )
    return ReviewDiff(End("main", BASE), End("topic", HEAD), tuple(files), other_findings=(worst,))


def five_hundred_files() -> ReviewDiff:
    """500 files in five environments, one change each; a blocking finding in the last."""
    files = []
    for number in range(500):
        path = f"k8s/gitops/env{number % 5}/service-with-a-long-name-{number}/configuration/secrets.yaml"
        worst = Finding("MAC02", "block", "the MAC is older than the file", "the worst of all", "restore it", path)
        files.append(
            FileReview(
                path,
                "modified",
                format="yaml",
                environment=f"env{number % 5}",
                encrypted=BOTH,
                operations=(Operation("edit", "consistent", "looks like an edit", {"changed": 1, "values": 5}),),
                mac=UNCHECKED,
                data_key="same",
                changes=(change(("stringData", "DB_PASSWORD")),),
                findings=(worst,) if number == 499 else (),
            )
        )
    counts = tuple(EnvironmentFiles(f"env{number}", 100) for number in range(5))
    return ReviewDiff(End("main", BASE), End("topic", HEAD), tuple(files), environments=counts)


def hostile(attack: str) -> ReviewDiff:
    """Every text that may come out of the repository is the attack."""
    one = Value("text", {"subject": attack, "names": (attack, attack), "valid": True}, same_as=2, text=attack)
    finding = Finding(
        "RCP03",
        "block",
        "a recipient that .sops.yaml does not list",
        "{recipient} can read this file",
        "list {recipient}",
        attack,
        {"recipient": attack},
        line=3,
        document=1,
        key=(attack, 0, attack),
        commit=HEAD,
    )
    waived = Finding(
        "ENC08", "medium", "plain text", "{k}", "encrypt", attack, {"k": attack}, waived=Waived(attack, attack, attack)
    )
    kinds: tuple[ChangeKind, ...] = ("added", "removed", "changed", "moved", "retyped", "reencrypted", "comment")
    old, new = Recipient(attack, attack, 1, attack), Recipient("age", f"{attack}2", 0, attack)
    file = FileReview(
        attack,
        "renamed",
        old_path=f"{attack}o",
        path_bytes=b"\xff",
        format="yaml",
        environment=attack,
        old_environment=f"{attack}e",
        encrypted=BOTH,
        operations=(
            Operation("revert", "ambiguous", "looks like {commit}", {"commit": attack}),
            Operation("unknown", "ambiguous", "what was seen: {what}", {"what": attack}),
        ),
        commits=(CommitOperations(attack, (Operation("edit", "consistent", "edit {x}", {"x": attack}),)),),
        mac=UNCHECKED,
        data_key="unknown",
        changes=tuple(
            change(
                (attack, 3, attack),
                kind,
                type=Sides(attack, "str"),
                value=Sides(one, one),
                origin=(attack,),
                parts=(attack,),
            )
            for kind in kinds
        ),
        recipients=Sides((old,), (new,)),
        threshold=Sides(1, 2),
        rules=Sides({"encrypted_regex": attack}, {"encrypted_regex": f"{attack}n", attack: attack}),
        matched=attack,
        objects=(ObjectChange(attack, attack, attack, (ObjectKey(attack, "decrypted", attack),)),),
        findings=(finding, waived),
    )
    return ReviewDiff(
        End(attack, BASE),
        End(attack, HEAD),
        (file,),
        not_checked=(NotChecked(attack, attack, decisive=False),),
        paths=(attack,),
        mode="keyed",
        config=ConfigSource(BASE, attack),
        guard=Guard(False, attack),
        environments=(EnvironmentFiles(attack, 1),),
        other_findings=(finding,),
        truncated=True,
    )


def everything() -> Iterator[tuple[str, ReviewDiff]]:
    """All of them with a name each, the hostile ones once for each attack."""
    for build in (plain, empty, clean, check, keyed, five_thousand_changes, five_hundred_files):
        yield build.__name__, build()
    for number, attack in enumerate(ATTACKS):
        yield f"hostile {number}", hostile(attack)

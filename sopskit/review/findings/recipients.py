"""RCP: who can read a file. Policies that take more than a look at its recipients have modules of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.config.sopskit_yaml import canonical
from sopskit.review.findings.listing import rcp03, rcp04, rcp10
from sopskit.review.findings.policy import ChangePolicy, FilePolicy, Hit
from sopskit.review.findings.readers import by_id, hit
from sopskit.review.findings.rulereaders import rcp11
from sopskit.review.findings.wrappedkeys import rcp07

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.subject import Subject
    from sopskit.review.model import Severity
    from sopskit.review.sides import Side


def rcp05(subject: Subject) -> Iterator[Hit]:
    """Somebody who has to be able to read the files of this environment cannot."""
    head, environment = subject.sides.head, subject.environment
    if head is None or head.metadata is None or environment is None:
        return
    for name in subject.change.team.names:
        if environment.name not in name.required_in or not name.recipients or _reads(name.recipients, head):
            continue
        base = subject.sides.base
        was_so = base is not None and base.metadata is not None and not _reads(name.recipients, base)
        args: dict[str, int | str] = {"name": name.name, "environment": environment.name}
        yield Hit(
            "{name} has to be able to read the files of {environment}, and cannot", args, "medium" if was_so else None
        )


def rcp06(subject: Subject) -> Iterator[Hit]:
    """Somebody who must not read the files of this environment can."""
    head, environment = subject.sides.head, subject.environment
    before = by_id(subject.sides.base) if subject.old_path is None else {}
    for recipient in by_id(head).values() if environment is not None else ():
        name = subject.change.team.name_of(recipient.id)
        if name is not None and environment is not None and environment.name in name.forbidden_in:
            found = hit(subject, recipient, "{recipient} must not be able to read the files of {environment}, and can")
            severity: Severity | None = "medium" if canonical(recipient.id) in before else None
            yield found._replace(args={**found.args, "environment": environment.name}, severity=severity)


def _reads(recipients: tuple[str, ...], side: Side) -> bool:
    present = by_id(side)
    return any(canonical(recipient) in present for recipient in recipients)


def rcp09(subject: Subject) -> Iterator[Hit]:
    """Fewer key groups are needed than before, or fewer are there."""
    base, head = subject.sides
    if base is None or head is None or base.metadata is None or head.metadata is None:
        return
    args: dict[str, int | str] = {"before": _needed(base), "after": _needed(head)}
    if _needed(head) < _needed(base):
        yield Hit("{after} key groups open this file, {before} were needed before", args)
    elif len(head.metadata.groups) < len(base.metadata.groups):
        counts = {"before": len(base.metadata.groups), "after": len(head.metadata.groups)}
        yield Hit("{after} key groups instead of {before}, of which as many are needed as before", counts, "medium")


def _needed(side: Side) -> int:
    """How many key groups have to be opened."""
    if side.metadata is None or len(side.metadata.groups) < 2:
        return 1
    return side.metadata.shamir_threshold or len(side.metadata.groups)


POLICIES = (
    FilePolicy(
        "RCP03",
        "block",
        "a recipient that .sops.yaml does not list",
        why="The creation rule is where a team says who may read a file. A recipient beside it was added by hand or with another "
        "configuration: nobody who looks at .sops.yaml will know of it, and updatekeys will take it out again. Where no rule is "
        "for a file, names and the other files have to know the recipient.",
        remedy="take it out with sopskit updatekeys and rotate the file, or list it in .sops.yaml in a change of its own",
        find=rcp03,
        check=True,
    ),
    ChangePolicy(
        "RCP04",
        "medium",
        "a listed recipient that cannot read the file",
        why="A creation rule is used when a file is made; files that are there already stay as they are. Whoever was added to the rule "
        "cannot read them before updatekeys has run.",
        remedy="sopskit updatekeys FILES",
        find=rcp04,
        check=True,
    ),
    FilePolicy(
        "RCP05",
        "block",
        "a required recipient is missing",
        why="The names in .sopskit.yaml say who must be able to read an environment: the cluster, or the key for emergencies. Without "
        "it the deployment fails, or nobody can read the file on the day it matters.",
        remedy="add it to the creation rule in .sops.yaml, then sopskit updatekeys FILE",
        find=rcp05,
        check=True,
    ),
    FilePolicy(
        "RCP06",
        "block",
        "a recipient that this environment forbids",
        why="The names in .sopskit.yaml say who must not read an environment, so that a key that is lost in one place does not open "
        "another. The values can be read by them as soon as the file is in the repository.",
        remedy="take it out of the creation rule, sopskit updatekeys and rotate, and change the values",
        find=rcp06,
        check=True,
    ),
    FilePolicy(
        "RCP07",
        "low",
        "an odd list of recipients",
        why="A recipient that stands there twice is a slip, and in two key groups it defeats them. But the name beside a wrapped key "
        "is only a label: a second key under it, or one with more than one stanza, can let somebody in whom no list shows.",
        remedy="correct the creation rule in .sops.yaml, then sopskit updatekeys FILE",
        find=rcp07,
        check=True,
    ),
    FilePolicy(
        "RCP09",
        "block",
        "fewer key groups are needed",
        why="With key groups several people have to come together to open a file. A lower threshold, or fewer groups, gives the file "
        "to fewer of them.",
        remedy="make sure that this is meant, and let those who hold the groups approve it",
        find=rcp09,
        check=True,
    ),
    FilePolicy(
        "RCP10",
        "low",
        "a recipient without a name",
        why="Nobody knows a key by its text, so a reviewer cannot judge a recipient without a name. That a rule lists it says little: "
        "an earlier change may have put it there.",
        remedy="add the recipient to names in .sopskit.yaml, in a change of its own",
        find=rcp10,
    ),
    ChangePolicy(
        "RCP11",
        "high",
        "a new recipient, listed by this change itself",
        why="Whoever writes a change can write .sops.yaml too, so being listed there proves nothing in the change that lists it. From "
        "the merge on this key reads the file; where only a rule lists it, from the next updatekeys on.",
        remedy="make sure whose key this is before you approve; names in .sopskit.yaml of the base make it known",
        find=rcp11,
        check=True,
    ),
)

"""RCP: who can read a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.subject import Subject


def rcp01(subject: Subject) -> Iterator[Finding]:
    """A recipient was removed, the data key stayed: they know it."""
    base, head = subject.sides
    if base is None or head is None or subject.comparison.data_key != "same":
        return
    for gone in sorted(set(base.recipients()) - set(head.recipients())):
        yield Finding(
            "RCP01",
            "medium",
            "a recipient was removed, but knows the data key",
            "{recipient} can no longer open this file, but knew its data key, which is still the one in use",
            "sopskit rotate -i FILE, and change the values: the history stays readable to them",
            subject.path,
            args={"recipient": gone.id},
        )


def rcp03_rcp11(subject: Subject) -> Iterator[Finding]:
    """A recipient was added: RCP03 if head's `.sops.yaml` does not list it, RCP11 if this change itself lists it."""
    base, head = subject.sides
    if head is None or head.metadata is None:
        return
    old, new = subject.rules
    before = set(base.recipients()) if base is not None else set()
    for added in head.recipients():
        if added in before or new is None:
            continue
        if added.id not in new.recipients:
            yield Finding(
                "RCP03",
                "block",
                "a recipient that .sops.yaml does not list",
                "{recipient} can read this file, and the creation rule for it does not list them",
                "take them out with sopskit updatekeys and rotate, or list them",
                subject.path,
                args={"recipient": added.id},
            )
        elif old is not None and added.id not in old.recipients:
            yield Finding(
                "RCP11",
                "high",
                "a new recipient, listed by this change itself",
                "{recipient} can read this file, and it is this change that lists them in .sops.yaml",
                "make sure who this is before you approve",
                subject.path,
                args={"recipient": added.id},
            )

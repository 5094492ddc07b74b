"""The review of a whole change: every file read and compared, every policy asked, one redacted report out."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sopskit.review import cleartext, facts
from sopskit.review.alignment import align
from sopskit.review.files import CLOSED, read_file
from sopskit.review.findings import POLICIES
from sopskit.review.findings.subject import ChangeSet, Subject
from sopskit.review.guard import Authors
from sopskit.review.judgement import ROOT, judge
from sopskit.review.keyed import Opener
from sopskit.review.model import EnvironmentFiles, FileReview, NotChecked, ReviewDiff, Sides
from sopskit.review.moves import moved_from
from sopskit.review.objects import changed_objects
from sopskit.review.operations import Clues, Moved
from sopskit.review.rangefiles import RangeFiles
from sopskit.review.recipientlists import is_rules_file, tell_recipients
from sopskit.review.rules import RuleBook
from sopskit.review.sharing import sharing_file
from sopskit.review.trees import path_text
from sopskit.review.versions import History

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.review.facts import Described
    from sopskit.review.files import ReadFile
    from sopskit.review.model import Change, Finding, Recipient
    from sopskit.review.request import Request
    from sopskit.review.sides import Side

TOO_MANY_COMMITS = "there are more commits than are read one by one; only the newest were"


def review(request: Request) -> ReviewDiff:
    """Review a change. Never raises for what is in a file; raises `GitError` if an object is not here."""
    options = request.options
    authors = Authors(request.team, request.commits, request.objects.commit, vouched=options.vouched)
    opener = Opener(options.keyring) if options.keyring is not None else None
    files = []
    for number, change in enumerate(request.changes):
        file = read_file(change, request.read, opener, authors, standing=request.standing)
        file.keep_in(request.trees)
        files.append(file)
        if options.progress is not None:
            options.progress(number + 1, len(request.changes))
    change_set = _change_set(request, files, opener)
    ranges = RangeFiles(request.commits, change_set.read_blob)
    for file in files:
        change_set.subjects.append(_subject(file, change_set, ranges))
    judgement = judge(change_set, POLICIES if options.policies is None else options.policies)
    by_path: dict[str, list[Finding]] = {}
    for finding in judgement.findings:
        by_path.setdefault(finding.path, []).append(finding)
    keyed = any(side.data_key is not None for file in files for side in file.opened)
    reviews = _reviews(files, change_set, by_path, ranges)
    known = {file.path for file in reviews}
    rules = change_set.rules
    problems = [*request.problems, *change_set.target.problems, *rules.base.problems, *rules.head.problems]
    complete = request.commits is None or request.commits.complete
    if not complete:
        problems.append(NotChecked(ROOT, TOO_MANY_COMMITS, decisive=True))
    wanted = keyed or options.strict
    problems += [problem for file in files for problem in file.problems if wanted or problem.reason != CLOSED]
    problems += judgement.problems
    return ReviewDiff(
        base=request.base,
        head=request.head,
        files=reviews,
        not_checked=tuple(dict.fromkeys(problems)),
        threshold=options.threshold,
        paths=request.paths,
        mode="keyed" if keyed else "keyless",
        config=request.config,
        guard=authors.guard(keyed=keyed),
        environments=_environments(reviews),
        other_findings=tuple(one for path, found in by_path.items() if path not in known for one in found),
        truncated=not complete,
        strict=options.strict,
    )


def _change_set(request: Request, files: Sequence[ReadFile], opener: Opener | None) -> ChangeSet:
    objects = request.objects
    names = [file.old_name or file.change.path for file in files]
    base = RuleBook(request.trees.base)
    return ChangeSet(
        team=request.team,
        trees=request.trees,
        rules=Sides(base, RuleBook(request.trees.head)),
        target=base if request.target in (None, request.trees.base) else RuleBook(request.target),
        commits=request.commits,
        history=History(names, objects.versions, objects.blob),
        now=request.options.now or datetime.now(UTC),
        read_blob=objects.blob,
        read_at=objects.at,
        open_head=lambda path: opener.open(request.trees.head.side(path)).plain if opener is not None else None,
        vouched=request.options.vouched,
    )


def _subject(file: ReadFile, change_set: ChangeSet, ranges: RangeFiles) -> Subject:
    path = file.path
    return Subject(
        path=path,
        status=file.status,
        sides=file.sides,
        comparison=file.comparison,
        operations=file.operations(_clues(file, change_set, ranges)),
        rules=Sides(change_set.rules.base.rule_for(path), change_set.rules.head.rule_for(path)),
        data=file.data,
        modes=Sides(*(entry.mode if entry else None for entry in (file.change.base, file.change.head))),
        mac=file.macs(),
        plain=Sides(*(opened.plain for opened in file.opened)),
        may_compare=file.keys.may_compare,
        environment=change_set.environment_of(path),
        change=change_set,
        old_path=file.old_path,
    )


def _clues(file: ReadFile, change_set: ChangeSet, ranges: RangeFiles) -> Clues:
    head = file.sides.head
    if head is None or head.metadata is None:
        return Clues()
    path = file.old_path or file.path
    older = None
    if file.sides.base is not None and file.change.head is not None and not file.same_bytes:
        older = _older(change_set.history, path, file.change.head.id)
    rewrapped = file.sides.base is None or file.comparison.data_key == "new"
    shares = sharing_file(change_set, file.path, file.sides) if rewrapped else None
    parents = ranges.merged_parents(file.change.path, change_set.read_at)
    return Clues(older, shares, parents, _moved(change_set, file.path, head))


def _moved(change_set: ChangeSet, path: str, head: Side) -> Moved | None:
    """Where a file was that Git takes for a new one, and what it was there."""
    old = moved_from(change_set.trees, path, head)
    side = change_set.trees.base.side(old) if old is not None else None
    return Moved(old, side) if old is not None and side is not None else None


def _older(history: History, path: str, blob: str) -> str | None:
    """The commit that left this very blob at this path, before base."""
    return next((version.commit for version in history.versions(path)[1:] if version.blob == blob), None)


def _reviews(
    files: Sequence[ReadFile], change_set: ChangeSet, by_path: Mapping[str, list[Finding]], ranges: RangeFiles
) -> tuple[FileReview, ...]:
    described = [
        facts.describe(
            file.comparison, may_compare=file.keys.may_compare, group=_group(file, number, vouched=change_set.vouched)
        )
        for number, file in enumerate(files)
    ]
    for number, subject in enumerate(change_set.subjects):
        if is_rules_file(subject.path):
            described[number] = tell_recipients(described[number], subject.name_of)
    changes = facts.number_equal_values(described)
    return tuple(
        _review_file(subject, file, known, own, tuple(by_path.get(subject.path, ())), ranges)
        for subject, file, known, own in zip(change_set.subjects, files, described, changes, strict=True)
    )


def _group(file: ReadFile, number: int, *, vouched: bool) -> int | None:
    """Which values may be compared with each other: those of one file, of all files if somebody answers for the author.

    A reader of one file need not be a reader of the other.
    """
    if not file.keys.may_compare:
        return None
    return 0 if vouched else number + 1


def _review_file(
    subject: Subject,
    file: ReadFile,
    described: Sequence[Described],
    changes: Sequence[Change],
    findings: tuple[Finding, ...],
    ranges: RangeFiles,
) -> FileReview:
    sides, name = file.sides, file.change.path
    side = sides.head or sides.base
    documents = Sides(*(one.document if one else None for one in sides))
    versions = [*(one for one in sides if one is not None), *ranges.sides(name, file.old_name)]
    rule = subject.rules.head
    return FileReview(
        path=subject.path,
        status=subject.status,
        old_path=subject.old_path,
        path_bytes=None if path_text(name).encode() == name else name,
        format=side.format if side else None,
        environment=subject.environment.name if subject.environment else None,
        old_environment=_old_environment(subject),
        encrypted=Sides(*(None if one is None else one.metadata is not None for one in sides)),
        operations=subject.operations,
        commits=ranges.operations(name, file.old_name),
        mac=subject.mac,
        data_key=subject.comparison.data_key,
        changes=cleartext.quote_public(described, changes, findings, versions),
        recipients=Sides(*(_named(one, subject) for one in sides)),
        threshold=Sides(*(one.metadata.shamir_threshold or None if one and one.metadata else None for one in sides)),
        rules=Sides(*(one.rules() if one else {} for one in sides)),
        matched=f"creation_rules[{rule.position}]" if rule else None,
        objects=changed_objects(*sides, subject.comparison, align(*documents)),
        findings=findings,
    )


def _old_environment(subject: Subject) -> str | None:
    """The environment that a renamed or copied file comes from."""
    found = subject.change.environment_of(subject.old_path) if subject.old_path is not None else None
    return found.name if found is not None else None


def _named(side: Side | None, subject: Subject) -> tuple[Recipient, ...]:
    if side is None:
        return ()
    return tuple(recipient._replace(name=subject.name_of(recipient.id)) for recipient in side.recipients())


def _environments(files: Sequence[FileReview]) -> tuple[EnvironmentFiles, ...]:
    counts = Counter(file.environment for file in files if file.environment is not None)
    return tuple(EnvironmentFiles(name, count) for name, count in sorted(counts.items()))

"""Which values of a file are encrypted: one of six rules, kept in the file's metadata (SOPS sections 3.3 and 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document.model import Comment
from sopskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sopskit.document.model import Container, Leaf
    from sopskit.sops.patterns import Matcher

FIELDS = (
    "encrypted_comment_regex",
    "encrypted_regex",
    "encrypted_suffix",
    "unencrypted_comment_regex",
    "unencrypted_regex",
    "unencrypted_suffix",
)


class Selection(NamedTuple):
    """A rule: `field` is one of `FIELDS` and `pattern` its text. Without a field everything is encrypted."""

    field: str | None
    pattern: str

    @property
    def by_comment(self) -> bool:
        """Whether comments decide."""
        return self.field is not None and self.field.endswith("comment_regex")

    def walk(self, *, lenient: bool = False) -> Walk:
        """Start a walk over one file.

        `lenient` is for files as they were written: a pattern that does not compile matches nothing, as in sops.
        Otherwise, and for a pattern that only sops can judge, raises `ConfigError`.
        """
        if self.by_comment:
            return _CommentWalk(self, self._matcher(lenient=lenient))
        return _KeyWalk(self, self._matcher(lenient=lenient))

    def check(self) -> None:
        """Raise `ConfigError` if the pattern does not compile."""
        self._matcher(lenient=False)

    def selects_keys(self, keys: Sequence[str], *, lenient: bool = False) -> bool:
        """Whether a value below these mapping keys is encrypted, with no comments around it.

        Raises `ConfigError` as `walk` does.
        """
        matches = self._matcher(lenient=lenient)
        if self.by_comment:
            return self._inverted
        return any(map(matches, keys)) is not self._inverted

    @property
    def _inverted(self) -> bool:
        """Whether what matches stays plaintext."""
        return self.field is None or self.field.startswith("unencrypted")

    def _matcher(self, *, lenient: bool) -> Matcher:
        pattern = self.pattern
        if self.field is None:
            return _matches_nothing
        if self.field.endswith("suffix"):
            return lambda key: key.endswith(pattern)
        from sopskit.sops.patterns import compile_pattern, compile_stored_pattern

        return (compile_stored_pattern if lenient else compile_pattern)(pattern, self.field)


# what sops assumes where no rule is given, and writes into every file but new binary ones
DEFAULT = Selection("unencrypted_suffix", "_unencrypted")
NONE = Selection(None, "")


def _matches_nothing(key: str) -> bool:  # noqa: ARG001 a matcher
    return False


class Walk:
    """Answers for the items of one document, asked in the order in which they stand there."""

    __slots__ = ("encrypts",)
    encrypts: Callable[[Leaf | Comment], bool]
    """Whether this item is encrypted. To be asked for every item, those of no interest included."""

    def check_token(self, token: str) -> None:
        """Refuse an encrypted comment that the rule would take for a comment of the user's. Raises `ConfigError`."""


class _Verdicts(dict[str, bool]):
    """What a rule says to a key, worked out once for each distinct key."""

    __slots__ = ("_matches",)

    def __init__(self, matches: Matcher) -> None:
        super().__init__()
        self._matches = matches

    def __missing__(self, key: str) -> bool:
        self[key] = verdict = self._matches(key)
        return verdict


class _KeyWalk(Walk):
    """Suffix and regex rules: every mapping key from the root counts, so a container's verdict holds for all below it."""

    __slots__ = ()

    def __init__(self, rule: Selection, matches: Matcher) -> None:
        verdict = _Verdicts(matches).__getitem__
        inverted = rule._inverted  # noqa: SLF001 same module
        last: Container | None = None
        decided: bool | None = None  # what holds for every item of `last`, if its own key plays no part

        def encrypts(item: Leaf | Comment) -> bool:
            nonlocal last, decided
            parent = item.parent
            if parent is not last:
                last = parent
                matched = any(map(verdict, parent.keys))
                decided = (not inverted if matched else inverted) if matched or not parent.is_map else None
            if decided is not None:
                return decided
            if item.__class__ is Comment:
                return inverted
            return verdict(item.key) is not inverted  # type: ignore[union-attr,arg-type]

        self.encrypts = encrypts


class _Open:
    """A container being walked: whether an active comment of its own matches, and whether one outside does."""

    __slots__ = ("container", "matched", "outer")

    def __init__(self, container: Container, *, outer: bool) -> None:
        self.container = container
        self.outer = outer
        self.matched = False


class _CommentWalk(Walk):
    """Comment rules: a comment is active for the next item of its container and all below it.

    Comments before the same item add up. The texts are those that stand in the file, encrypted or not.
    """

    __slots__ = ("_inverted", "_matches", "_open", "_pattern")

    def __init__(self, rule: Selection, matches: Matcher) -> None:
        self._pattern = rule.pattern
        self._matches = matches
        self._inverted = rule._inverted  # noqa: SLF001 same module
        self._open: list[_Open] = []
        self.encrypts = self._encrypts

    def _encrypts(self, item: Leaf | Comment) -> bool:
        top = self._enter(item.parent)
        before = top.outer or top.matched
        if item.__class__ is Comment:
            top.matched = top.matched or self._matches(item.value)
            # the comment that switches encryption on stays readable, and so does the one that switches it off
            return not (top.outer or top.matched) if self._inverted else before
        top.matched = False
        return before is not self._inverted

    def _enter(self, container: Container) -> _Open:
        """Close what does not hold `container`, open what leads to it."""
        stack = self._open
        if stack and stack[-1].container is container:
            return stack[-1]
        chain: list[Container] = []
        node: Container | None = container
        while node is not None:
            chain.append(node)
            node = node.parent
        chain.reverse()
        common = 0
        for opened, wanted in zip(stack, chain, strict=False):
            if opened.container is not wanted:
                break
            common += 1
        if len(stack) > common:
            del stack[common:]
            if stack:
                stack[-1].matched = False  # its item, the container just closed, is done
        for wanted in chain[common:]:
            outer = bool(stack) and (stack[-1].outer or stack[-1].matched)
            stack.append(_Open(wanted, outer=outer))
        return stack[-1]

    def check_token(self, token: str) -> None:
        if self._inverted and self._matches(token):
            raise ConfigError(
                f"an encrypted comment matches unencrypted_comment_regex {self._pattern!r}: it could not be told from a plain one",
                hint="use a pattern that cannot match ENC[...], such as a word of your own",
            )

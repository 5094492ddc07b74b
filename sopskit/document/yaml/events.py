"""Where YAML events come from: libyaml through PyYAML, or PyYAML's own parser where the extension is missing.

Both give the same events with the same marks (code points). Of PyYAML only this part is used, but all of it is loaded:
10 ms of a process's start-up, which could be had cheaper only by tricks with `sys.modules`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from yaml.error import YAMLError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from sopskit.document.conflicts import unresolved_conflict
from sopskit.document.model import position
from sopskit.errors import DocumentSyntaxError, LimitError

if TYPE_CHECKING:
    from sopskit.errors import FormatError

# what libyaml says about broken text; PyYAML's own parser quotes the text in some messages, so these are a list
PROBLEMS = frozenset(
    (
        "block sequence entries are not allowed in this context",
        "control characters are not allowed",
        "could not find expected ':'",
        "did not find expected ',' or ']'",
        "did not find expected ',' or '}'",
        "did not find expected '-' indicator",
        "did not find expected <document start>",
        "did not find expected alphabetic or numeric character",
        "did not find expected comment or line break",
        "did not find expected hexdecimal number",
        "did not find expected key",
        "did not find expected node content",
        "did not find expected whitespace or line break",
        "found a tab character that violates indentation",
        "found a tab character where an indentation space is expected",
        "found an indentation indicator equal to 0",
        "found character that cannot start any token",
        "found duplicate %TAG directive",
        "found duplicate %YAML directive",
        "found incompatible YAML document",
        "found invalid Unicode character escape code",
        "found undefined tag handle",
        "found unexpected ':'",
        "found unexpected document indicator",
        "found unexpected end of stream",
        "found unknown directive name",
        "found unknown escape character",
        "mapping keys are not allowed in this context",
        "mapping values are not allowed in this context",
    )
)


TOO_DEEP = "exceeded maximum nesting depth"


def pure_parser() -> Any:
    """PyYAML's own reader, scanner and parser in one class, as its `Loader` combines them."""
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class PureParser(Reader, Scanner, Parser):
        """Gives events from a text."""

        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)

        def get_event(self) -> Any:
            event: Any = super().get_event()  # type: ignore[no-untyped-call]
            if event is not None and getattr(event, "style", "") is None:
                event.style = ""
            return event

    return PureParser


Parser: Any
try:
    from yaml._yaml import CParser as Parser
except ImportError:  # a PyYAML built without libyaml
    Parser = pure_parser()

__all__ = [
    "AliasEvent",
    "DocumentEndEvent",
    "DocumentStartEvent",
    "MappingEndEvent",
    "MappingStartEvent",
    "Parser",
    "ScalarEvent",
    "SequenceEndEvent",
    "SequenceStartEvent",
    "StreamEndEvent",
    "YAMLError",
    "fail",
    "syntax_error",
]


def fail(text: str, index: int, message: str) -> NoReturn:
    """Raise a `DocumentSyntaxError` at a place of the text. `message` must not quote the text."""
    if conflict := unresolved_conflict(text):
        raise conflict
    line, column = position(text, index)
    raise DocumentSyntaxError(message).at(line=line, column=column)


def syntax_error(text: str, error: Exception) -> FormatError:
    """What to raise for an error of the parser: its place, and its problem if that is known to quote nothing."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return _unreadable(text)
    found = getattr(error, "problem", None)
    if conflict := unresolved_conflict(text):
        return conflict
    problem = found if found in PROBLEMS else "found something that is not allowed here"
    if text.startswith("\t", mark.index):
        problem = "a tab where YAML wants blanks"
    located: FormatError = DocumentSyntaxError(f"the YAML cannot be read: {problem}")
    if found == TOO_DEEP:
        located = LimitError("nested deeper than the parser can go")
    located.at(line=mark.line + 1, column=mark.column + 1)
    return located


def _unreadable(text: str) -> DocumentSyntaxError:
    """The parser refuses characters before it has a mark: look for the first one ourselves."""
    import re

    allowed = "\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff"
    found = re.search(f"[^{allowed}]", text)
    error = DocumentSyntaxError("the YAML holds a control character or another one that is not allowed")
    if found:
        line, column = position(text, found.start())
        error.at(line=line, column=column)
    return error

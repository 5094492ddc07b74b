"""Where YAML events come from: libyaml through PyYAML, or PyYAML's own parser where the extension is missing.

Both give the same events with the same marks (code points). Only this part of PyYAML is loaded:
the whole package costs eight times as much at start-up, most of it for loaders that are not used here.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from sopskit.document.model import position
from sopskit.errors import DocumentSyntaxError, LimitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.errors import FormatError

# the extension raises these; each is fetched from its own module when it is needed
_LAZY = {
    "yaml.reader": "ReaderError",
    "yaml.scanner": "ScannerError",
    "yaml.parser": "ParserError",
    "yaml.composer": "ComposerError",
    "yaml.constructor": "ConstructorError",
    "yaml.emitter": "EmitterError",
    "yaml.serializer": "SerializerError",
    "yaml.representer": "RepresenterError",
}
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


def _factory(module: str, name: str) -> Callable[..., Exception]:
    def make(*arguments: object) -> Exception:
        error: Exception = getattr(importlib.import_module(module), name)(*arguments)
        return error

    return make


def _load_extension() -> tuple[Any, ModuleType, ModuleType]:
    """Load `yaml._yaml` without running the package's `__init__`; gives the parser, `yaml.events` and `yaml.error`.

    Events, tokens, nodes and base errors are the package's own modules, and the other exceptions become
    functions that make the real ones, so a later `import yaml` finds everything as if it had come first.
    """
    if "yaml" not in sys.modules:
        spec = PathFinder.find_spec("yaml")
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError("PyYAML is not installed")
        package = ModuleType("yaml")
        package.__path__ = list(spec.submodule_search_locations)
        stubs = {"yaml": package}
        for module, name in _LAZY.items():
            stubs[module] = ModuleType(module)
            setattr(stubs[module], name, _factory(module, name))
            setattr(package, module.removeprefix("yaml."), stubs[module])
    else:
        stubs = {}
    sys.modules.update(stubs)
    try:
        error, events, *_ = [importlib.import_module(f"yaml.{name}") for name in ("error", "events", "tokens", "nodes")]
        parser = importlib.import_module("yaml._yaml").CParser
    finally:
        for module in stubs:
            sys.modules.pop(module, None)
    return parser, events, error


def _load_pure() -> tuple[Any, ModuleType, ModuleType]:
    """PyYAML's own reader, scanner and parser in one class, as its `Loader` combines them."""
    from yaml import error, events
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

    return PureParser, events, error


def _load() -> tuple[Any, ModuleType, ModuleType]:
    try:
        return _load_extension()
    except (ImportError, AttributeError):
        return _load_pure()


Parser, _events, _error = _load()

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

if TYPE_CHECKING:
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
else:
    AliasEvent = _events.AliasEvent
    DocumentEndEvent = _events.DocumentEndEvent
    DocumentStartEvent = _events.DocumentStartEvent
    MappingEndEvent = _events.MappingEndEvent
    MappingStartEvent = _events.MappingStartEvent
    ScalarEvent = _events.ScalarEvent
    SequenceEndEvent = _events.SequenceEndEvent
    SequenceStartEvent = _events.SequenceStartEvent
    StreamEndEvent = _events.StreamEndEvent
    YAMLError = _error.YAMLError


def fail(text: str, index: int, message: str) -> NoReturn:
    """Raise a `DocumentSyntaxError` at a place of the text. `message` must not quote the text."""
    line, column = position(text, index)
    raise DocumentSyntaxError(message).at(line=line, column=column)


def syntax_error(text: str, error: Exception) -> FormatError:
    """What to raise for an error of the parser: its place, and its problem if that is known to quote nothing."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return _unreadable(text)
    found = getattr(error, "problem", None)
    problem = found if found in PROBLEMS else "found something that is not allowed here"
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

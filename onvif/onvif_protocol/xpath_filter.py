"""The subset of XPath 1.0 that ONVIF's filters are written in: of recordings, of events, of messages. Sans-IO.

Here belong its grammar and what an expression means. What is filtered is said by whoever has one. XPath itself would
let a client write expressions that take hours over a document of a few lines, so it is not used.

    boolean(//Track[TrackType = "Video"]) and not(boolean(//Source[Location = "Basement"]))
    boolean(//tt:SimpleItem[@Name="Source" and @Value="unit-12"])

Sources: ONVIF Core Specification 9.4.4 (message content filter), Recording Search Specification 5.22 (XPath dialect).
Names are compared without their prefixes, which clients leave out as often as not. `<` and its like compare numbers
where both sides are numbers, otherwise text, as ONVIF means it for times.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from lxml import etree

from onvif_protocol.soap import Element

MAX_LENGTH: Final = 1000
"""Characters of an expression."""
MAX_DEPTH: Final = 20
"""Of its parentheses."""

Test: TypeAlias = Callable[[Element], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<text>"[^"]*"|'[^']*'|“[^”]*”)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<name>@?(?:[^\W\d][\w.-]*:)?[^\W\d][\w.-]*)
      | (?P<sign>//|!=|<=|>=|[/()\[\],=<>])
    )""",
    re.VERBOSE,
)
_COMPARISONS: Final[dict[str, Callable[..., bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class FilterError(ValueError):
    """It is no such expression. The message is a sentence."""


def compile_filter(expression: str) -> Test:
    """What tells whether an element, the root of what the expression speaks of, fits.

    Raises:
        FilterError: it is not in the subset, or too long.
    """
    if len(expression) > MAX_LENGTH:
        raise FilterError(f"a filter has at most {MAX_LENGTH} characters")
    parser = _Parser(tuple(_tokens(expression)))
    test = parser.expression(parser.boolean)
    parser.end()
    return test


def _tokens(expression: str) -> Iterator[str]:
    at, end = 0, len(expression.rstrip())
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None:
            raise FilterError(f"the filter cannot be read from {expression[at : at + 20]!r} on")
        text = match["text"]
        yield f'"{text[1:-1]}' if text is not None else match[match.lastgroup or 0]
        at = match.end()


class _Parser:
    """Recursive descent over the tokens. A text is a token that begins with a quotation mark, which it does not end
    with.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    # ---- tokens

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise FilterError(f"the filter goes on where it should end: {self._next()!r}")

    @property
    def _ahead(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._ahead
        if not token:
            raise FilterError("the filter ends too early")
        self._at += 1
        return token

    def _take(self, token: str) -> bool:
        found = self._ahead == token
        self._at += found
        return found

    def _expect(self, token: str) -> None:
        if (found := self._next()) != token:
            raise FilterError(f"the filter has {found!r} where {token!r} should be")

    def _function(self) -> str:
        """The name of the function that is called here, which is passed over with its parenthesis; or empty."""
        if self._ahead in {"not", "boolean", "contains"} and self._tokens[self._at + 1 : self._at + 2] == ("(",):
            self._at += 2
            return self._tokens[self._at - 2]
        return ""

    # ---- and, or, not, parentheses: the same in expressions and in predicates

    def expression(self, basic: Callable[[], Test]) -> Test:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FilterError(f"the parentheses of a filter are at most {MAX_DEPTH} deep")
        tests = [self._conjunction(basic)]
        while self._take("or"):
            tests.append(self._conjunction(basic))
        self._depth -= 1
        return tests[0] if len(tests) == 1 else lambda node: any(test(node) for test in tests)

    def _conjunction(self, basic: Callable[[], Test]) -> Test:
        tests = [self._unary(basic)]
        while self._take("and"):
            tests.append(self._unary(basic))
        return tests[0] if len(tests) == 1 else lambda node: all(test(node) for test in tests)

    def _unary(self, basic: Callable[[], Test]) -> Test:
        if self._take("("):
            inner = self.expression(basic)
            self._expect(")")
            return inner
        before = self._at
        if self._function() == "not":
            denied = self.expression(basic)
            self._expect(")")
            return lambda node: not denied(node)
        self._at = before
        return basic()

    # ---- what they join

    def boolean(self) -> Test:
        """`boolean(path)`, `contains(path, "text")`, or a path: whether there is such a node."""
        match self._function():
            case "boolean":
                path = self._path()
                self._expect(")")
                return lambda root: _any(path(root))
            case "contains":
                path = self._path()
                self._expect(",")
                wanted = self._literal()
                self._expect(")")
                return lambda root: wanted in next(map(_text, path(root)), "")
        path = self._path()
        return lambda root: _any(path(root))

    def _path(self) -> Callable[[Element], Iterator[Element]]:
        """`//Track[…]`, `//Source/Name[…]`, `/RecordingInformation/Track[…]`."""
        anywhere = self._next()
        if anywhere not in {"//", "/"}:
            raise FilterError(f"a path begins with // or /, not with {anywhere!r}")
        names = self._names()
        test: Test | None = None
        if self._take("["):
            test = self.expression(self._comparison)
            self._expect("]")

        def find(root: Element) -> Iterator[Element]:
            for node in root.iter(etree.Element) if anywhere == "//" else (root,):
                if _name(node) == names[0]:
                    yield from (found for found in _below(node, names[1:]) if test is None or test(found))

        return find

    def _names(self) -> tuple[str, ...]:
        names = [self._element_name()]
        while self._take("/"):
            names.append(self._element_name())
        return tuple(names)

    def _element_name(self) -> str:
        name = self._next()
        if not (name[0].isalpha() or name[0] == "_"):
            raise FilterError(f"{name!r} is no element's name")
        return name.rpartition(":")[2]

    def _comparison(self) -> Test:
        """`TrackType = "Video"`, `@Name = "x"`, or one of them alone: whether there is one."""
        values: Callable[[Element], Iterator[str]]
        if self._ahead.startswith("@"):
            attribute = self._next()[1:].rpartition(":")[2]
            values = lambda node: (str(v) for k, v in node.items() if etree.QName(k).localname == attribute)  # noqa: E731
        else:
            names = self._names()
            values = lambda node: map(_text, _below(node, names))  # noqa: E731
        if self._ahead not in _COMPARISONS:
            return lambda node: _any(values(node))
        sign = self._next()
        wanted = self._literal()
        return lambda node: any(_compare(sign, value, wanted) for value in values(node))

    def _literal(self) -> str:
        token = self._next()
        if token[0] == '"':
            return token[1:]
        if not (token[0].isdigit() or token[0] == "-"):
            raise FilterError(f"the filter compares with {token!r}, which is neither a text nor a number")
        return token


def _any(found: Iterator[object]) -> bool:
    """Whether there is one, whatever it is: an element without children counts as false."""
    return any(True for _ in found)


def _name(node: Element) -> str:
    return etree.QName(node).localname


def _text(node: Element) -> str:
    return "".join(map(str, node.itertext())).strip()


def _below(node: Element, names: Sequence[str]) -> Iterator[Element]:
    if not names:
        yield node
        return
    for child in node.iterchildren(etree.Element):
        if _name(child) == names[0]:
            yield from _below(child, names[1:])


def _compare(sign: str, value: str, wanted: str) -> bool:
    if sign not in {"=", "!="}:
        try:
            return _COMPARISONS[sign](float(value), float(wanted))
        except ValueError:
            pass
    return _COMPARISONS[sign](value, wanted)

"""The language of ``files.list``: what ``q`` selects, and what ``fields`` leaves."""

import re
from collections.abc import Callable
from typing import Any

TOKEN = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|([A-Za-z.]+)|(!=|<=|>=|[()=<>{}]))")
Predicate = Callable[[dict[str, Any]], bool]


class BadQueryError(Exception):
    """A query or selection that Drive answers with 400."""


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if not found:
                raise BadQueryError(text)
            string, word, mark = found.groups()
            if string is not None:
                self._tokens.append(("string", re.sub(r"\\(.)", r"\1", string)))
            else:
                self._tokens.append(("word", word) if word else ("mark", mark))
            at = found.end()

    def parse(self) -> Predicate:
        predicate = self._either()
        if self._tokens:
            raise BadQueryError(str(self._tokens[0]))
        return predicate

    def _peek(self) -> tuple[str, str]:
        return self._tokens[0] if self._tokens else ("end", "")

    def _take(self, kind: str, value: str | None = None) -> str:
        found_kind, found = self._peek()
        if found_kind != kind or (value is not None and found != value):
            raise BadQueryError(f"{value or kind} expected, {found!r} found")
        self._tokens.pop(0)
        return found

    def _either(self) -> Predicate:
        sides = [self._both()]
        while self._peek() == ("word", "or"):
            self._take("word")
            sides.append(self._both())
        return lambda file: any(side(file) for side in sides)

    def _both(self) -> Predicate:
        sides = [self._one()]
        while self._peek() == ("word", "and"):
            self._take("word")
            sides.append(self._one())
        return lambda file: all(side(file) for side in sides)

    def _one(self) -> Predicate:
        if self._peek() == ("word", "not"):
            self._take("word")
            inner = self._one()
            return lambda file: not inner(file)
        if self._peek() == ("mark", "("):
            self._take("mark")
            inner = self._either()
            self._take("mark", ")")
            return inner
        if self._peek()[0] == "string":
            parent = self._take("string")
            self._take("word", "in")
            self._take("word", "parents")
            return lambda file: parent in file["parents"]
        return self._comparison()

    def _comparison(self) -> Predicate:
        name = self._take("word")
        kind, operator = self._peek()
        self._take(kind)
        if operator == "has":
            return self._has(name)
        value: Any = self._take(self._peek()[0])
        if name == "trashed":
            value = value == "true"
        if operator == "contains":
            return lambda file: file[name].casefold().startswith(value.casefold())
        if operator in ("=", "!="):
            return lambda file: (file[name] == value) is (operator == "=")
        if operator in (">", "<", ">=", "<="):
            return lambda file: file[name] > value if operator.startswith(">") else file[name] < value
        raise BadQueryError(operator)

    def _has(self, name: str) -> Predicate:
        self._take("mark", "{")
        self._take("word", "key")
        self._take("mark", "=")
        key = self._take("string")
        self._take("word", "and")
        self._take("word", "value")
        self._take("mark", "=")
        value = self._take("string")
        self._take("mark", "}")
        return lambda file: file.get(name, {}).get(key) == value


def predicate(query: str) -> Predicate:
    """What ``q`` selects.

    Raises:
        BadQueryError: Drive would answer 400.
    """
    return _Parser(query).parse() if query.strip() else lambda file: True


Selection = dict[str, Any]


def selection(fields: str) -> Selection:
    """``a,b(c,d),e/f`` as a tree; an empty tree below a name means all of it."""
    tree, rest = _selection(fields.replace(" ", ""))
    if rest:
        raise BadQueryError(fields)
    return tree


def _selection(text: str) -> tuple[Selection, str]:
    tree: Selection = {}
    while True:
        found = re.match(r"[\w*]+", text)
        if not found:
            raise BadQueryError(text)
        name, text = found.group(), text[found.end() :]
        below: Selection = {}
        if text.startswith("/"):
            inner = re.match(r"/([\w*]+)", text)
            if not inner:
                raise BadQueryError(text)
            below, text = {inner[1]: {}}, text[inner.end() :]
        elif text.startswith("("):
            below, text = _selection(text[1:])
            if not text.startswith(")"):
                raise BadQueryError(text)
            text = text[1:]
        tree.setdefault(name, {}).update(below)
        if not text.startswith(","):
            return tree, text
        text = text[1:]


def select(document: Any, tree: Selection) -> Any:
    """The document as far as the selection names it."""
    if isinstance(document, list):
        return [select(one, tree) for one in document]
    if not tree or "*" in tree or not isinstance(document, dict):
        return document
    return {name: select(document[name], below) for name, below in tree.items() if name in document}

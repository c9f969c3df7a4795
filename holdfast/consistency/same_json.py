"""Whether two JSON texts mean the same: order of keys, blanks and the scale of numbers do not matter."""

import json
from decimal import Decimal
from typing import Any


def same_json(a: str, b: str) -> bool:
    """Whether both texts are the same document, as PostgreSQL's jsonb compares them.

    A text that cannot be read, or is nested too deeply, is the same only as itself.
    """
    try:
        return _same(_read(a), _read(b))
    except (ValueError, ArithmeticError, RecursionError):
        return a == b


def _read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)

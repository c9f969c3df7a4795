"""What a policy's expression means, where servers say the same in other words.

On Supabase the user of a query is ``auth.uid()``; a plain server knows no such function, and applications tell it by a
setting: ``current_setting('app.user_id', true)``. Both stand for the same person.
"""

import re
from collections.abc import Iterator
from typing import Final

from holdfast.schema.model import Command, Need, PolicySchema
from holdfast.schema.wishes import USER_SETTING

ME: Final = "@me"
# What an expression needs that asks Supabase for the user.
AUTH: Final[Need] = ("function", "auth.uid()")

_TYPE: Final = r"(?:uuid|text|integer|bigint|character varying)"
_SETTING: Final = r"current_setting\('[^']*'::text(?:, (?:true|false))?\)"
# In the order in which they are taken out, from the inside to the outside.
_USERS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"auth\.uid\(\)",
        rf"NULLIF\({_SETTING}, ''::text\)",
        _SETTING,
        rf"\({ME}\)::{_TYPE}",
        rf"\( SELECT {ME}(?: AS (?:\w+|\"\w+\"))?\)",
        rf"\({ME}\)::{_TYPE}",
    )
)
_AS_TEXT: Final = re.compile(rf"NULLIF\({_SETTING}, ''::text\)|{_SETTING}")
_COLUMN: Final = r"(?:\w+|\"(?:[^\"]|\"\")+\")"
_MINE: Final = re.compile(rf"\({ME} = ({_COLUMN}|\({_COLUMN}\)::{_TYPE})\)")
_CAST: Final = re.compile(rf"\(\(({_COLUMN})\)::{_TYPE} = {ME}\)")

# What one policy lets whom do, by one command.
Atom = tuple[Command, bool, tuple[str, ...], str | None, str | None]


def meaning(expression: str | None) -> str | None:
    """An expression with the user written as ``@me``, on the right of what it is compared with."""
    if expression is None:
        return None
    for pattern in _USERS:
        expression = pattern.sub(ME, expression)
    return _CAST.sub(rf"(\1 = {ME})", _MINE.sub(rf"(\1 = {ME})", expression))


def translated(expression: str | None, *, has_auth: bool) -> str | None:
    """An expression as a server says it that has ``auth.uid()`` or has it not; as it is where it names no user."""
    if expression is None:
        return None
    if not has_auth:
        return expression.replace("auth.uid()", user_setting("uuid"))
    # A setting is a text: so is what takes its place, which may then be cast as the setting was.
    return _AS_TEXT.sub("(auth.uid())::text", expression).replace("((auth.uid())::text)::uuid", "auth.uid()")


def user_setting(type_name: str) -> str:
    """The user on a plain server, in a column's type, as servers write it; null where nobody is told, or no longer.

    A setting that was local to a transaction reads as an empty text after it, which is no uuid.
    """
    return f"(NULLIF(current_setting('{USER_SETTING}'::text, true), ''::text))::{type_name}"


def is_own(expression: str | None, column: str) -> bool:
    """Whether an expression lets through exactly the rows whose column holds the user's id."""
    quoted = '"' + column.replace('"', '""') + '"'
    return meaning(expression) in (f"({column} = {ME})", f"({quoted} = {ME})")


def atoms(policy: PolicySchema) -> Iterator[Atom]:
    """What a policy allows, command by command: four policies of one command are as good as one of all."""
    using, check = meaning(policy.using), meaning(policy.check)
    roles = tuple(sorted(policy.roles))
    if ME in (using or check or "") and set(roles) <= {"public", "authenticated"}:
        # Nobody but a person who is logged in is anybody's "me".
        roles = ("public",)
    for command in _commands(policy.command):
        if command == "insert":
            yield command, policy.is_permissive, roles, None, check or using
        elif command == "update":
            yield command, policy.is_permissive, roles, using, check or using
        else:
            yield command, policy.is_permissive, roles, using, None


def _commands(command: Command) -> tuple[Command, ...]:
    return ("select", "insert", "update", "delete") if command == "all" else (command,)

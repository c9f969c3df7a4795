"""Row level security: whether it is on, and whether policies let everybody see the same rows in both stores."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from holdfast.consistency.tables import TableName
from holdfast.schema.expressions import AUTH, ME, atoms, is_own, meaning, translated, user_setting
from holdfast.schema.findings import Finding, Kind
from holdfast.schema.model import ColumnSchema, PolicySchema, StoreSchema, TableSchema
from holdfast.schema.sides import Pair, clause, named
from holdfast.schema.steps import Name, Part, Raw, Statement, Step
from holdfast.schema.wished import wish_of
from holdfast.schema.wishes import SchemaWish

OWN_ROWS = "own_rows"


def compare_policies(pair: Pair, model: TableSchema, target: TableSchema) -> Iterator[Finding]:
    """Policies that the target lacks by their meaning, and whether row level security is on and forced."""
    allowed = {atom for policy in target.policies for atom in atoms(policy)}
    for policy in model.policies:
        if not allowed.issuperset(atoms(policy)):
            yield _missing(pair, target, policy)
    if model.has_row_security and not target.has_row_security:
        yield _disabled(pair, target)
    if model.is_forced and not target.is_forced:
        said = f"{target.name}: row level security binds the owner as well in the {pair.has}, not in the {pair.lacks}"
        why = "the owner, and Holdfast with it, would see no rows any more"
        advice = Statement("force_row_security", {"table": named(target.name)})
        finding = _finding(pair, target, "forced row security", "", said)
        yield replace(finding, left=why, advice=(advice,))


def compare_wished_rows(
    pair: Pair, model: TableSchema | None, target: TableSchema, wish: SchemaWish
) -> Iterator[Finding]:
    """Whether each user sees only their rows in the target, where the model is no example of it."""
    column = wish.owner_column
    if column is None:
        return
    if target.column(column) is None and _expected(pair, target, column) is None:
        said = f"{target.name}: whose a row is cannot be told: the {pair.lacks} has no column {column}"
        yield replace(_finding(pair, target, "policy", OWN_ROWS, said), is_wished=True, left="name its owner_column")
        return
    if not keeps_users_apart(target, column) and not (model and keeps_users_apart(model, column)):
        said = f"{target.name}: no policy of the {pair.lacks} lets users see their rows by {column}"
        step = own_rows_step(pair, target, column)
        finding = _finding(pair, target, "policy", OWN_ROWS, said)
        if any(one.name == OWN_ROWS for one in target.policies):
            why = f"there is a policy {OWN_ROWS} that says something else"
            yield replace(finding, is_wished=True, left=why, advice=(step.statement,))
        else:
            yield replace(finding, is_wished=True, steps=(step,))
    if not target.has_row_security and not (model and model.has_row_security):
        yield replace(_disabled(pair, target), is_wished=True)
    yield from _wider(pair, target, column)


def keeps_users_apart(table: TableSchema, column: str) -> bool:
    """Whether a policy lets users read the rows that are theirs by this column."""
    return any(
        is_own(policy.using, column) and policy.is_permissive and policy.command in ("all", "select")
        for policy in table.policies
    )


def open_to_everybody(store: StoreSchema, wishes: Sequence[SchemaWish]) -> list[TableName]:
    """Tables of a store that are wished to show users only their own rows, and do not; their partitions included."""
    by_table = {wish.table: wish for wish in wishes}
    found = []
    for name, table in store.tables.items():
        wish = wish_of(table, store.tables, by_table)
        if wish and wish.owner_column and table.kind != "other":
            is_safe = table.has_row_security and keeps_users_apart(table, wish.owner_column)
            found += [] if is_safe else [name]
    return found


def policy_step(pair: Pair, table: TableSchema, policy: PolicySchema) -> Step:
    """The step that makes a policy, its user written as the target knows users."""
    using, check = (translated(one, has_auth=pair.target.has_auth) for one in (policy.using, policy.check))
    names_user = ME in f"{meaning(policy.using)} {meaning(policy.check)}"
    unknown = set(policy.roles) - pair.target.roles
    roles = ("public",) if unknown == {"authenticated"} and names_user else policy.roles
    needs = policy.needs - {AUTH} if names_user else policy.needs
    parts: dict[str, Part] = {
        "name": Name((policy.name,)),
        "table": named(table.name),
        "restrictive": None if policy.is_permissive else Statement("restrictive", {}),
        "command": Raw(policy.command),
        "roles": tuple(Raw("public") if role == "public" else Name((role,)) for role in roles),
        "using": clause("using", using),
        "check": clause("check", check),
    }
    needed = frozenset(("role", role) for role in roles if role != "public")
    return Step(stage="objects", statement=Statement("policy", parts), needs=needs | needed)


def own_rows_step(pair: Pair, table: TableSchema, column: str) -> Step:
    """The step that lets each user see and write their own rows, and no others."""
    found = table.column(column) or _expected(pair, table, column)
    kind = found.type if found else "uuid"
    if pair.target.has_auth:
        me = "(select auth.uid())" if kind == "uuid" else f"(select auth.uid())::{kind}"
    else:
        me = user_setting(kind)
    needs = frozenset() if table.column(column) else frozenset({("own_column", column)})
    parts: dict[str, Part] = {
        "name": Name((OWN_ROWS,)),
        "table": named(table.name),
        "restrictive": None,
        "command": Raw("all"),
        "roles": (Raw("public"),),
        "using": Statement("using_own", {"column": Name((column,)), "me": Raw(me)}),
        "check": None,
    }
    return Step(stage="objects", statement=Statement("policy", parts), needs=needs)


def _expected(pair: Pair, table: TableSchema, name: str) -> ColumnSchema | None:
    """A column that a table gets from the model, itself or through the table that it is a partition of."""
    tables = [pair.model.tables.get(one) for one in (table.name, table.parent) if one is not None]
    return next((found for one in tables if one and (found := one.column(name))), None)


def enable_step(table: TableSchema) -> Step:
    """The step that switches row level security on; policies are there by then."""
    bound = ", ".join(table.readers)
    note = f"from then on policies decide what these roles see: {bound}" if bound else ""
    return Step(stage="objects", statement=Statement("enable_row_security", {"table": named(table.name)}), note=note)


def _missing(pair: Pair, target: TableSchema, policy: PolicySchema) -> Finding:
    what = f"{policy.name} ({policy.command}): {policy.using or policy.check}"
    said = f"{target.name}: the {pair.lacks} has no policy {what}"
    finding = _finding(pair, target, "policy", policy.name, said)
    step = policy_step(pair, target, policy)
    if not policy.using and not policy.check:
        return replace(finding, steps=(step,))
    if any(one.name == policy.name for one in target.policies):
        said = f"{target.name}: policy {policy.name} says something else in the {pair.lacks} than in the {pair.has}"
        why = "what is there is never altered"
        return replace(finding, sentence=said, side=None, left=why, advice=(step.statement,))
    return replace(finding, steps=(step,))


def _disabled(pair: Pair, target: TableSchema) -> Finding:
    said = f"{target.name}: row level security is off in the {pair.lacks}: whoever may read it sees everybody's rows"
    return replace(_finding(pair, target, "row security", "", said), steps=(enable_step(target),))


def _wider(pair: Pair, target: TableSchema, column: str) -> Iterator[Finding]:
    """Policies that let users see more than their own rows: maybe meant, so only told."""
    for policy in target.policies:
        reads = policy.is_permissive and policy.command in ("all", "select")
        if reads and not is_own(policy.using, column):
            what = f"lets {', '.join(policy.roles)} see {policy.using}"
            said = f"{target.name}: policy {policy.name} of the {pair.lacks} {what}"
            yield replace(
                _finding(pair, target, "policy", policy.name, said),
                severity="note",
                is_wished=True,
                left="see that this is meant",
            )


def _finding(pair: Pair, target: TableSchema, kind: Kind, name: str, sentence: str) -> Finding:
    return Finding(
        kind=kind, table=str(target.name), name=name or target.name.name, side=pair.target.side, sentence=sentence
    )

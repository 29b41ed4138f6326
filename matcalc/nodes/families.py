"""Families: the members x[1] … x[N] of a variable, held side by side in one matrix, and what a person stated of a variable."""

from __future__ import annotations

from sympy import Expr, Integer

from matcalc.nodes.expr import ONE, Node, intern_scalar, matrix_node, properties, shape, size_symbol

PARTS = frozenset({"entry", "entry2", "row", "column", "member"})
"""The operations that take a part of a variable: an entry, a row, a column, a member of a family."""

_MARK = "family:"


def family_mark(columns: Expr) -> str:
    """The property of a variable whose members have so many columns."""
    return f"{_MARK}{columns}"


def member_shape(e: Node) -> tuple[Expr, Expr, Expr] | None:
    """(m, n, N) where e is a family of N members, m by n; None where it is none."""
    mark = next((p for p in properties(e) if p.startswith(_MARK)), None)
    if mark is None:
        return None
    text = mark.removeprefix(_MARK)
    columns = Integer(text) if text.isdecimal() else size_symbol(text)
    rows, total = shape(e)
    return rows, intern_scalar(columns), intern_scalar(total / columns)


def member(e: Node, t: Node) -> Node:
    """x[t]: column t of the array of a family, of a family of matrices block t."""
    found = member_shape(e)
    assert found is not None
    rows, columns, count = found
    if columns == 1:
        return matrix_node("column", (e, t), (rows, ONE))
    return matrix_node("member", (e, t, count), (rows, columns))


def stated(e: Node) -> list[str]:
    """The properties that a person states of a variable, in alphabetical order."""
    return sorted(p for p in properties(e) if not p.startswith(_MARK))

"""Walking graphs: of expressions, of the values of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_Vertex = TypeVar("_Vertex")


def walk(roots: Iterable[_Vertex], children: Callable[[_Vertex], tuple[_Vertex, ...]]) -> Iterator[_Vertex]:
    """Everything below the roots once, children first.  Iterative: depth is no limit."""
    seen: set[int] = set()
    stack: list[tuple[_Vertex, bool]] = [(r, False) for r in reversed(list(roots))]
    while stack:
        e, expanded = stack.pop()
        if expanded:
            yield e
        elif id(e) not in seen:
            seen.add(id(e))
            stack.append((e, True))
            stack.extend((c, False) for c in reversed(children(e)) if id(c) not in seen)

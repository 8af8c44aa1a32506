"""The layers of a model as a tree: modules nested by their dotted names, each with the sum of what it holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.data_words import rows_of, whole
from tui.text import safe
from tui.theme import symbol

DEEPEST = 40
"""A name with more parts than this stands at the top."""


@dataclass
class Node:
    """A module: a layer of the table, or one that only holds others."""

    path: str
    """Its dotted name."""
    name: str
    """The last part of it."""
    depth: int
    type: str = ""
    shape: str = ""
    parameters: int = 0
    """Its own and those of the modules in it; reused ones once."""
    trainable: int = 0
    share: float = 0.0
    """Of all parameters of the model."""
    reused: bool = False
    children: list[Node] = field(default_factory=list)


def build_tree(table: dict[str, Any]) -> list[Node]:
    """The modules of model.json at the top, each with those in it; what is no row is passed over."""
    total = whole(table.get("parameters")) or 1
    roots: list[Node] = []
    known: dict[str, Node] = {}
    for row in rows_of(table.get("layers")):
        path = safe(row.get("name") or "")
        parent = _parent(path, known, roots)
        node = _node(row, path, 0 if parent is None else parent.depth + 1)
        if path in known and not known[path].type:  # made before for what is in it
            held = known[path]
            held.type, held.shape, held.reused = node.type, node.shape, node.reused
            held.parameters, held.trainable = node.parameters, node.trainable
            continue
        (roots if parent is None else parent.children).append(node)
        known.setdefault(path, node)
    for root in roots:
        _sum_up(root, total)
    return roots


def _parent(path: str, known: dict[str, Node], roots: list[Node]) -> Node | None:
    """The module that `path` is in, made with those above it where the table has none of them."""
    head, dot, _ = path.rpartition(".")
    if not dot or path.count(".") > DEEPEST:
        return None
    if head not in known:
        above = _parent(head, known, roots)
        node = Node(head, head.rpartition(".")[2], 0 if above is None else above.depth + 1)
        (roots if above is None else above.children).append(node)
        known[head] = node
    return known[head]


def _node(row: dict[str, Any], path: str, depth: int) -> Node:
    shape = row.get("output_shape")
    shown = f" {symbol('times')} ".join(safe(n) for n in shape) if isinstance(shape, list) else safe(shape or "")
    reused = bool(row.get("reused"))
    own = 0 if reused else whole(row.get("parameters"))
    trainable = 0 if reused else whole(row.get("trainable"))
    name = path.rpartition(".")[2]
    return Node(path, name, depth, safe(row.get("type") or ""), shown, own, trainable, reused=reused)


def _sum_up(node: Node, total: int) -> None:
    for child in node.children:
        _sum_up(child, total)
        node.parameters += child.parameters
        node.trainable += child.trainable
    node.share = node.parameters / total


def lines_of(roots: Sequence[Node], closed: Collection[str], words: str = "") -> list[Node]:
    """The modules in sight, in order.

    Args:
        roots: the tree.
        closed: the paths of modules whose own modules are hidden.
        words: what was typed: only modules with all of these words in path or type, and those that hold one; none of
            them hidden.
    """
    wanted = words.casefold().split()
    shown: list[Node] = []
    for node in roots:
        if not wanted:
            shown.append(node)
            shown += [] if node.path in closed else lines_of(node.children, closed)
            continue
        inside = lines_of(node.children, (), words)
        text = f"{node.path} {node.type}".casefold()
        if inside or all(word in text for word in wanted):
            shown += [node, *inside]
    return shown


def holders(roots: Sequence[Node]) -> set[str]:
    """The paths of all modules that hold others."""
    found: set[str] = set()
    for node in roots:
        if node.children:
            found |= {node.path, *holders(node.children)}
    return found

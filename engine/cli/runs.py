"""`engine runs` and `engine views`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from engine.cli.common import Place, json_option, table_options, verb
from engine.cli.output import note

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from engine.rows import Row
    from engine.saved_views import SavedViews
    from engine.view import Outcome, View


def _completing(offer: Callable[[Sequence[Row], str], list[tuple[str, str]]]) -> Callable[..., list[CompletionItem]]:
    """Complete the value of an option from what the runs have; quietly, for a shell must not be shown errors."""

    def complete(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from engine.errors import EngineError

        place = ctx.obj if isinstance(ctx.obj, Place) else Place()
        try:
            return [CompletionItem(text, help=hint) for text, hint in offer(place.rows(), incomplete)]
        except (EngineError, OSError):
            return []

    return complete


def _queries(rows: Sequence[Row], text: str) -> list[tuple[str, str]]:
    from engine.query_completion import complete

    found = complete(text, len(text), rows, time.time())
    return [(text[: found.start] + option.text, option.hint) for option in found.options]


def _keys(rows: Sequence[Row], text: str) -> list[tuple[str, str]]:
    """The last of several keys with commas between them; a - stays before it."""
    from engine.query_completion import hint_of
    from engine.row_keys import known_keys

    before, comma, last = text.rpartition(",")
    sign = "-" if last.startswith("-") else ""
    found = [key for key in known_keys(rows) if key.startswith(last.removeprefix("-"))]
    return [(f"{before}{comma}{sign}{key}", hint_of(key)) for key in found]


def _complete_views(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from engine.errors import EngineError

    place = ctx.obj if isinstance(ctx.obj, Place) else Place()
    try:
        return [CompletionItem(name) for name in _saved(place).all() if name.startswith(incomplete)]
    except (EngineError, OSError):
        return []


def _saved(place: Place) -> SavedViews:
    from engine.saved_views import SavedViews

    return SavedViews(place.runs)


@verb("runs")
@click.option(
    "--where",
    metavar="QUERY",
    default="",
    help="Only these: \"val/accuracy > 0.9 and tag == 'paper'\".",
    shell_complete=_completing(_queries),
)
@click.option(
    "--sort",
    metavar="A,-B",
    help="Order by metrics, settings or columns: A, then B; numbers largest first, after a - the other way.",
    shell_complete=_completing(_keys),
)
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option(
    "--columns",
    metavar="A,B",
    help="Show these metrics, settings or columns.",
    shell_complete=_completing(_keys),
)
@click.option(
    "--group-by",
    metavar="A,B",
    help="A line for the runs that have these in common: how many, mean, deviation and best.",
    shell_complete=_completing(_keys),
)
@click.option("--view", metavar="NAME", help="As a saved view has it.", shell_complete=_complete_views)
@click.option("--save-view", metavar="NAME", help="Save this query, order, grouping and columns as a view.")
@click.option("--archived", is_flag=True, help="Archived runs too.")
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most so many: the newest, or the first by --sort."
)
@table_options
def runs_(place: Place, limit: int | None, as_json: bool, as_csv: bool, save_view: str | None, **asked: Any) -> None:
    """The runs, oldest first.

    QUERY compares metrics (val/accuracy, val/accuracy:best, train/loss:at_best), settings (optimizer.name or lr), run,
    experiment, state, tag, name, age (7d), star, device, seconds, epoch, best, test, seed, disk (20MB), note, by > >=
    < <= == != ~ (contains) in, joined by and, or, not.
    """
    from engine.cli.runs_table import say_groups, say_runs
    from engine.view import View, apply

    every = place.rows()
    if any("disk" in str(value) for value in asked.values()):
        _count_disk(place, every)  # the order of a key depends on what its values are
    view = _view(place, every, **asked)
    if asked["view"] and "disk" in repr(view):
        _count_disk(place, every)
    outcome = apply(every, view, strict=bool(asked["where"]))
    _check_keys(view, outcome.rows)
    if save_view is not None:
        plain = not (asked["sort"] or asked["reverse"] or asked["view"])
        _save(place, save_view, _with(view, orders=View().orders) if plain else view)
    if outcome.groups:
        say_groups(outcome.groups[:limit], view.groups, as_json, as_csv)
        return
    ordered = asked["sort"] or asked["reverse"] or asked["view"]
    rows = outcome.rows if not limit else outcome.rows[:limit] if ordered else outcome.rows[-limit:]
    if not rows and not as_json and not as_csv:
        _say_none(place, outcome)
        return
    _tell_lacking(outcome)
    say_runs(rows, [column.key for column in view.columns], as_json, as_csv)


def _count_disk(place: Place, rows: Sequence[Row]) -> None:
    """Tell each row what its run takes on the disk."""
    from engine.usage import DiskUse

    DiskUse(place.runs).fill(rows)


def _view(place: Place, rows: Sequence[Row], *, where: str, sort: str | None, reverse: bool, columns: str | None,
          group_by: str | None, view: str | None, archived: bool) -> View:  # fmt: skip
    """What was asked for: the saved view, if one was named, and what is said besides in its place."""
    from engine.ordering import NEWEST, Order, parse_orders
    from engine.view import Column, View

    found = _saved(place).get(view) if view is not None else View(orders=(Order(NEWEST, False),))
    if where:
        from engine.query import parse

        parse(where)
        found = _with(found, filter=where)
    if sort:
        found = _with(found, orders=tuple(parse_orders(sort, rows)))
    if reverse:
        found = _with(found, orders=tuple(Order(order.key, not order.descending) for order in found.orders))
    if columns is not None:
        found = _with(found, columns=tuple(map(Column, _listed(columns))))
    if group_by is not None:
        found = _with(found, groups=tuple(_listed(group_by)))
    return _with(found, archived=True) if archived else found


def _with(view: View, **changes: Any) -> View:
    from msgspec.structs import replace

    return replace(view, **changes)


def _listed(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _check_keys(view: View, rows: Sequence[Row]) -> None:
    """Refuse keys that no run has.

    Raises:
        UsageError: it names the nearest one.
    """
    from engine.row_keys import check_key

    orders = [order.key for order in view.orders]
    for key in (*orders, *view.groups, *(column.key for column in view.columns)):
        check_key(key, rows)


def _tell_lacking(outcome: Outcome) -> None:
    error = outcome.error
    if error is not None:
        note(f"{error.problem}; {error.hint}" if error.hint else error.problem)


def _say_none(place: Place, outcome: Outcome) -> None:
    if outcome.view.filter or outcome.view.experiment:
        _tell_lacking(outcome)
        note(f"no run in {place.root} matches")
    else:
        note(f"no runs in {place.root} yet; engine list shows the experiments, engine train NAME runs one")


def _save(place: Place, name: str, view: View) -> None:
    _saved(place).save(name, view)
    note(f"saved as {name.strip()}; engine runs --view shows it, and v among the runs in dltui")


@verb("views")
@click.option("--delete", metavar="NAME", help="Forget a view.", shell_complete=_complete_views)
@json_option
def views_(place: Place, delete: str | None, as_json: bool) -> None:
    """The saved views of the runs; engine runs --view NAME shows one, engine runs --save-view NAME saves one."""
    import msgspec

    from engine.cli.output import Column, say_json, say_table

    saved = _saved(place)
    if delete is not None:
        saved.delete(delete)
        note(f"deleted the view {delete}")
        return
    views = saved.all()
    if as_json:
        say_json([{"name": name, **msgspec.to_builtins(view)} for name, view in views.items()])
    elif not views:
        note("no views yet; engine runs --save-view NAME saves one")
    else:
        columns = [Column("name"), Column("where", least=12), Column("sort"), Column("group by"), Column("columns")]
        say_table(columns, [[name, *_view_cells(view)] for name, view in views.items()])


def _view_cells(view: View) -> list[str]:
    orders = ", ".join(f"{order.key} {'↓' if order.descending else '↑'}" for order in view.orders)
    cells = [view.filter, orders, ", ".join(view.groups), ", ".join(column.key for column in view.columns)]
    return [cell or "–" for cell in cells]

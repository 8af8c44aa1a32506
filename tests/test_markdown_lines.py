"""Markdown as lines: tables that are wider than the pane."""

from __future__ import annotations

from typing import cast

from rich.cells import cell_len
from rich.style import Style

from tui.markdown_lines import markdown_lines
from tui.theme import Inks


class Plain:
    """Inks without any colour."""

    def __getattr__(self, name: str) -> Style:
        return Style()


def shown(text: str, width: int) -> list[str]:
    """The lines as text."""
    lines = markdown_lines(text, width, cast("Inks", Plain()))
    assert all(cell_len("".join(part for part, _ in line).rstrip()) <= width for line in lines)
    return ["".join(part for part, _ in line).strip() for line in lines]


def table(columns: int) -> str:
    """A table of scores of so many runs."""
    head = [f"e{number:04d}" for number in range(columns)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (["metric", *head], ["---"] * (columns + 1),
                     ["test/accuracy", *(f"0.8607 (-0.{number:04d})" for number in range(columns))]))  # fmt: skip


def test_a_table_that_is_too_wide_goes_on_below_with_its_first_column_again() -> None:
    lines = [line for line in shown(table(20), 76) if line]
    assert sum(line.startswith("metric") for line in lines) == sum(line.startswith("test/accuracy") for line in lines)
    assert all(f"0.8607 (-0.{number:04d})" in "\n".join(lines) for number in range(20)), "no value is broken"


def test_a_table_that_fits_is_one() -> None:
    assert sum(line.startswith("metric") for line in shown(table(3), 76)) == 1


def test_a_table_of_few_columns_is_one_however_long_its_words() -> None:
    text = f"| run | words |\n| --- | --- |\n| e0001 | {'many words ' * 30} |"
    assert sum(line.startswith("run") for line in shown(text, 40)) == 1

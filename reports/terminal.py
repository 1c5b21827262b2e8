"""Terminal: tables, lists and paragraphs by rich, written into a string that is as wide as it is asked to be.

A string in, a string out: nothing here looks at the terminal or the environment. Colour is in it only where asked for.
"""

from collections.abc import Iterable, Sequence
from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

LEAST_WIDTH = 80
STYLES = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow", "INVALID": "bold magenta"}
ASCII = str.maketrans(
    {
        "\N{CHECK MARK}": "+",
        "\N{BALLOT X}": "x",
        "\N{MINUS SIGN}": "-",
        "\N{HORIZONTAL ELLIPSIS}": "..",
        "\N{EM DASH}": "-",
        "\N{MIDDLE DOT}": "/",
        "\N{ALMOST EQUAL TO}": "~",
        "\N{RIGHTWARDS ARROW}": "->",
        "\N{GREATER-THAN OR EQUAL TO}": ">=",
        "\N{PLUS-MINUS SIGN}": "+-",
    }
)


def to_ascii(text: str) -> str:
    """The text for streams that cannot encode more; what has no ASCII form becomes ``?``."""
    return text.translate(ASCII).encode("ascii", "replace").decode("ascii")


def written(blocks: Iterable[RenderableType], *, width: int, colour: bool = False) -> str:
    """The blocks one under the other, without a trailing newline, no line wider than ``width`` columns.

    Args:
        blocks: texts, tables and lists.
        width: columns of the terminal; below 80 it is taken as 80.
        colour: whether escape sequences may be written.
    """
    out = StringIO()
    console = Console(
        file=out,
        width=max(width, LEAST_WIDTH),
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
    for block in blocks:
        console.print(block)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))


def table(
    heads: Sequence[str], rows: Iterable[Sequence[RenderableType]], *, numbers: range, indent: int = 2
) -> RenderableType:
    """A table without lines; ``numbers`` are the columns that stand to the right and are not broken."""
    made = Table(box=None, pad_edge=False, padding=(0, 0, 0, 2), header_style="bold")
    for place, head in enumerate(heads):
        right = place in numbers
        made.add_column(Text(head), justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return Padding.indent(made, indent)


def listed(mark: str, texts: Iterable[str], *, style: str = "") -> RenderableType:
    """A list in which each text follows the same mark and is wrapped beside it."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for text in texts:
        made.add_row(Text(mark, style), Text(text))
    return made

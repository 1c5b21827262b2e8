"""Tables, lists and paragraphs as strings of a given width, by rich; no access to the terminal or the environment."""

from collections.abc import Collection, Iterable, Sequence
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
    """The text in ASCII; characters without an ASCII form become ``?``."""
    return text.translate(ASCII).encode("ascii", "replace").decode("ascii")


def written(blocks: Iterable[RenderableType], *, width: int, colour: bool = False) -> str:
    """The blocks below each other, without a trailing newline; lines have at most ``width`` (at least 80) columns."""
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
    heads: Sequence[str],
    rows: Iterable[Sequence[RenderableType]],
    *,
    numbers: range,
    fixed: Collection[int] = (),
    indent: int = 2,
) -> RenderableType:
    """A table without lines; columns in ``numbers`` are right-aligned, and neither these nor ``fixed`` ones wrap."""
    made = Table(box=None, pad_edge=False, padding=(0, 0, 0, 2), header_style="bold")
    for place, head in enumerate(heads):
        right = place in numbers
        made.add_column(
            Text(head), justify="right" if right else "left", no_wrap=right or place in fixed, overflow="fold"
        )
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return Padding.indent(made, indent)


def listed(mark: str, texts: Iterable[str], *, style: str = "") -> RenderableType:
    """A list: each text after the same mark, wrapped beside it."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for text in texts:
        made.add_row(Text(mark, style), Text(text))
    return made

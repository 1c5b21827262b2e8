"""Width, characters and colour of standard output."""

import re
import shutil
import sys
from typing import TypedDict

from rich.console import Console


class Terminal(TypedDict):
    """The options of text for a terminal; ``width`` in columns."""

    width: int
    ascii_only: bool
    colour: bool


def terminal(*, plain: bool = False) -> Terminal:
    """The options for standard output: 80 to 140 columns, 120 without a terminal.

    Colour on terminals that have it, unless ``plain`` or the variable ``NO_COLOR`` is set.
    """
    console = Console()
    return Terminal(
        width=max(80, min(shutil.get_terminal_size((120, 24)).columns, 140)),
        ascii_only=not re.match(r"utf", sys.stdout.encoding or "ascii", re.IGNORECASE),
        colour=console.color_system is not None and not console.no_color and not plain,
    )

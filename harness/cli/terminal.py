"""What standard output can show: its width, its characters, and whether colour is wanted."""

import re
import shutil
import sys
from typing import TypedDict

from rich.console import Console


class Terminal(TypedDict):
    """The options of everything that is written for a terminal."""

    width: int
    ascii_only: bool
    colour: bool


def terminal(*, plain: bool = False) -> Terminal:
    """What standard output can show: 80 to 140 columns, 120 without a terminal.

    Colour where it is a terminal that has some, unless ``plain`` or the variable ``NO_COLOR`` forbids it.
    """
    console = Console()
    return Terminal(
        width=max(80, min(shutil.get_terminal_size((120, 24)).columns, 140)),
        ascii_only=not re.match(r"utf", sys.stdout.encoding or "ascii", re.IGNORECASE),
        colour=console.color_system is not None and not console.no_color and not plain,
    )

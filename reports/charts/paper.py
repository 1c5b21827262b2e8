"""Figures: how a matplotlib drawing becomes inline SVG that takes colours and font from its page.

Drawings use stand-in colours, which become CSS variables: one picture serves light, dark and print. The same drawing
gives the same bytes: default settings, ids salted by the chart's name, no date. A unit is a CSS pixel.
"""

import io
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

BEFORE, AFTER = "#0a0b01", "#0a0b02"
INK, MUTED, GRID, BAND, PAPER = "#0a0b03", "#0a0b04", "#0a0b05", "#0a0b06", "#0a0b07"
PASS, FAIL, UNDECIDED = "#0a0b08", "#0a0b09", "#0a0b0a"
_ROLES = {
    BEFORE: "var(--before)",
    AFTER: "var(--after)",
    INK: "currentColor",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    BAND: "var(--band)",
    PAPER: "var(--paper)",
    PASS: "var(--pass)",
    FAIL: "var(--fail)",
    UNDECIDED: "var(--undecided)",
}
ARM_COLOURS = {"before": BEFORE, "after": AFTER}
ARM_MARKERS = {"before": "o", "after": "D"}
ARM_DASHES = {"before": (0, (4, 2)), "after": "solid"}
"""The arms differ in colour, marker, dash and label."""

TEXT, SMALL = 12.0, 11.0
NARROW = 560
CHARACTER = 0.55
"""Mean width of a character, as a share of the font size."""

_FONT = re.compile(r"font-family:[^;]*;?\s*")
_UNITS_PER_INCH = 72


class Chart(NamedTuple):
    """A finished picture; ``name`` is unique in a page."""

    name: str
    title: str
    svg: str


class Layout(NamedTuple):
    """Positions in pixels of a picture with a row of text beside each mark; ``drop`` is from the top of a row to it."""

    width: int
    label_left: int
    label_width: int
    plot_left: int
    plot_width: int
    head: int
    row: int
    drop: int

    @property
    def narrow(self) -> bool:
        return self.width < NARROW


def draw(name: str, title: str, width: int, height: int, paint: Callable[[Figure], None]) -> Chart:
    """Draw a figure with ``paint`` and convert it to inline SVG, ``width`` by ``height`` CSS pixels at full size.

    ``name`` is unique among the charts of a page; the ids inside the picture start with it.
    """
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # measured only; the page has its own
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS | {"svg.hashsalt": name})
        figure = Figure(figsize=(width / _UNITS_PER_INCH, height / _UNITS_PER_INCH), dpi=_UNITS_PER_INCH)
        paint(figure)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    return Chart(name, title, _inline(buffer.getvalue(), name, title, width, height))


_SETTINGS: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": SMALL,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.labelsize": SMALL,
    "axes.linewidth": 1.0,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "lines.solid_capstyle": "round",
}


def bare_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in pixels from the upper left corner."""
    figure_width, figure_height = figure.get_size_inches() * _UNITS_PER_INCH
    box = (left / figure_width, 1 - (top + height) / figure_height, width / figure_width, height / figure_height)
    return figure.add_axes(box)


def write(
    figure: Figure, x: float, y: float, text: str, *, colour: str = INK, size: float = TEXT, ha: str = "left"
) -> None:
    """Write a text at a place in pixels from the upper left corner."""
    width, height = figure.get_size_inches() * _UNITS_PER_INCH
    figure.text(x / width, 1 - y / height, text, color=colour, fontsize=size, ha=ha, va="baseline")


def fitted(text: str, width: float, size: float) -> str:
    """A text, shortened in its middle to fit ``width`` pixels."""
    room = max(int(width / (size * CHARACTER)), 4)
    if len(text) <= room:
        return text
    head = (room - 1) * 3 // 5
    return f"{text[:head]}\N{HORIZONTAL ELLIPSIS}{text[len(text) - (room - 1 - head) :]}"


def _inline(document: str, name: str, title: str, width: int, height: int) -> str:
    """The SVG element for HTML: without namespaces and styles, with ids unique in the page."""
    root = ET.fromstring(document)  # noqa: S314 - our own drawing
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in {"metadata", "style"}:
                parent.remove(child)
    used = {value[1:] for node in root.iter() for key, value in node.attrib.items() if _local(key) == "href"}
    used |= {match for node in root.iter() for match in re.findall(r"url\(#([^)]+)\)", " ".join(node.attrib.values()))}
    for node in root.iter():
        node.tag = _local(node.tag)
        node.attrib.update(_attributes(node, name, used))
        for key in [key for key in node.attrib if key.startswith("{") or (key == "id" and not node.attrib[key])]:
            del node.attrib[key]
    root.attrib.clear()
    root.attrib.update({"class": "chart", "viewBox": f"0 0 {width} {height}", "role": "img", "aria-label": title})
    heading = ET.Element("title")
    heading.text = title
    root.insert(0, heading)
    return ET.tostring(root, encoding="unicode")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _attributes(node: ET.Element, name: str, used: set[str]) -> dict[str, str]:
    found = {}
    for key, value in node.attrib.items():
        local = _local(key)
        if local == "id":
            found["id"] = f"{name}-{value}" if value in used else ""
        elif local == "href":
            found["href"] = f"#{name}-{value[1:]}"
        else:
            found[local] = _painted(value).replace("url(#", f"url(#{name}-")
    return found


def _painted(value: str) -> str:
    for stand_in, role in _ROLES.items():
        value = value.replace(stand_in, role)
    return _FONT.sub("", value)

"""Statements: fingerprints that are equal in every arm, and their costs.

PostgreSQL's ``queryid`` depends on table OIDs, which differ between clones, and on the server version. The fingerprint
comes from the text: literals, parameters, lists of them, comments, white space and case make no difference.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import blake2b

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

MARK = "/* harness */"
"""In every statement that the harness itself sends; these are not counted."""
_VALUES = (exp.Literal, exp.Parameter, exp.Placeholder, exp.Boolean, exp.Null)
_LOOSE = re.compile(r"--[^\n]*|/\*.*?\*/|\s+", re.DOTALL)
_LITERALS = re.compile(r"'(?:[^']|'')*'|\$\d+|\b\d+(?:\.\d+)?\b|%s")
_KEEPING_HOUSE = re.compile(
    r"(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|SET|RESET|SHOW|DISCARD|DEALLOCATE|PREPARE|LISTEN|"
    r"UNLISTEN|CLOSE|FETCH|DECLARE)\b",
    re.IGNORECASE,
)
_TYPED = re.compile(r"\b(interval|date|timestamptz|timestamp|time)\s+\$\d+", re.IGNORECASE)
_EXTRACT = re.compile(r"(\bextract\s*\(\s*)\$\d+(\s+from\b)", re.IGNORECASE)
_ROWS = re.compile(r"(SELECT|WITH|VALUES|TABLE|INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of every statement that it keeps as words


@dataclass(frozen=True, slots=True)
class Counts:
    """The cost of some executed statements."""

    calls: float = 0
    rows: float = 0  # returned or changed
    hit: float = 0  # shared buffer hits (8 kB)
    read: float = 0  # buffers read from the operating system
    wal: float = 0  # bytes of WAL
    ms: float = 0.0  # execution time on the server, without planning

    @property
    def blocks(self) -> float:
        """Shared buffers accessed, in 8 kB blocks."""
        return self.hit + self.read

    def __bool__(self) -> bool:
        return self.calls > 0

    def __iter__(self) -> Iterator[float]:
        return (getattr(self, part.name) for part in fields(self))

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(one + two for one, two in zip(self, other, strict=True)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(one - two for one, two in zip(self, other, strict=True)))

    def per(self, number: float) -> "Counts":
        """Each count divided by ``number``."""
        return Counts(*(one / number for one in self))


@lru_cache(maxsize=4096)
def fingerprint(text: str) -> str:
    """16 hex digits that are equal for all executions of a statement, whatever its values."""
    return blake2b(normalised(text).lower().encode(), digest_size=8).hexdigest()


@lru_cache(maxsize=4096)
def normalised(text: str) -> str:
    """A statement on one line, its values as ``?``, lists of values as one ``?``."""
    try:
        parsed = sqlglot.parse_one(_as_written(text), dialect="postgres")
    except (SqlglotError, RecursionError):
        return _as_words(text)
    if isinstance(parsed, exp.Command):
        return _as_words(text)
    return parsed.transform(_without_values).sql(dialect="postgres", comments=False).replace("%s", "?")


def without_values(text: str) -> str:
    """A text without literal values: the server's, where it has ``$1`` for them, else ``normalised``.

    The server replaces values in statements that read or change rows, not in commands such as ALTER ROLE.
    """
    return text if _ROWS.match(_LOOSE.sub(" ", text).lstrip(" (")) else normalised(text)


def reads_or_writes_rows(text: str) -> bool:
    """Whether a statement reads or changes data, in contrast to transaction control and settings."""
    return not _KEEPING_HOUSE.match(_LOOSE.sub(" ", text).lstrip(" (;"))


def _as_written(text: str) -> str:
    """A statement that can be parsed: servers put ``$1`` also where SQL allows no parameter."""
    return _EXTRACT.sub(r"\1epoch\2", _TYPED.sub(r"\1 '1'", text))


def compared_columns(condition: str) -> list[str]:
    """The columns that a condition compares with values, in order: ``(author = ?)`` has ``author``."""
    try:
        parsed = sqlglot.parse_one(f"SELECT 1 WHERE {condition}", dialect="postgres")
    except (SqlglotError, RecursionError):
        return []
    compared = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Like, exp.Between, exp.Is)
    columns = (node.this for node in parsed.find_all(*compared) if isinstance(node.this, exp.Column))
    return list(dict.fromkeys(column.name for column in columns))


def _without_values(node: exp.Expression) -> exp.Expression:
    match node:
        case exp.Boolean() | exp.Null() if not isinstance(node.parent, exp.Is):
            return exp.Placeholder()
        case exp.Extract():
            node.set("this", exp.var("epoch"))
        case exp.Interval() if isinstance(node.this, _VALUES):
            return exp.Interval(this=exp.Literal.string("?"))
        case exp.Array() | exp.In() if node.expressions and all(isinstance(one, _VALUES) for one in node.expressions):
            node.set("expressions", [exp.Placeholder()])
        case exp.Values() if len(node.expressions) > 1:
            node.set("expressions", node.expressions[:1])
        case exp.Literal() | exp.Parameter() | exp.Placeholder():
            return exp.Placeholder()
        case exp.Neg() if isinstance(node.this, exp.Literal):
            return exp.Placeholder()
    return node


def _as_words(text: str) -> str:
    """Text that cannot be parsed as SQL: a server command, or a truncated statement."""
    return _LITERALS.sub("?", _LOOSE.sub(" ", text)).strip()

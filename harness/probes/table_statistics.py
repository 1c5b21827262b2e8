"""The use of each table and index of a database, from its statistics."""

from dataclasses import dataclass
from typing import Any, Self

from harness.probes import statistics_views as views
from harness.probes.access import Connection

TABLE_COUNTS = (
    "seq_scans",
    "rows_read_by_scans",
    "index_scans",
    "rows_fetched_by_indexes",
    "inserted",
    "updated",
    "updated_in_page",
    "deleted",
)
TABLE_STATE = ("live_rows", "dead_rows")
TABLE_BLOCKS = ("pages_hit", "pages_read")
INDEX_COUNTS = ("scans", "entries_read", "rows_fetched", "pages_hit", "pages_read")


@dataclass(frozen=True, slots=True)
class ObjectStatistics:
    """Counts by ``schema.table`` and by ``schema.index`` at one moment."""

    tables: dict[str, dict[str, Any]]
    indexes: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, connection: Connection) -> Self:
        """Read the statistics of the connected database."""
        tables = {
            f"{schema}.{table}": dict(
                zip(
                    (*TABLE_COUNTS, *TABLE_STATE, *TABLE_BLOCKS, "bytes", "vacuums", "analyses"),
                    (value or 0 for value in values),
                    strict=True,
                )
            )
            for schema, table, *values in connection.execute(views.TABLES.encode())
        }
        indexes = {
            f"{schema}.{index}": {"table": f"{schema}.{table}"}
            | dict(zip((*INDEX_COUNTS, "bytes"), (value or 0 for value in values), strict=True))
            for schema, table, index, *values in connection.execute(views.INDEXES.encode())
        }
        return cls(tables, indexes)

    def since(self, first: "ObjectStatistics") -> dict[str, list[dict[str, Any]]]:
        """The increase since an earlier moment; sizes, live and dead rows are present values."""
        counted = (*TABLE_COUNTS, *TABLE_BLOCKS, "vacuums", "analyses")
        return {
            "tables": [_since(name, now, first.tables.get(name, {}), counted) for name, now in self.tables.items()],
            "indexes": [
                _since(name, now, first.indexes.get(name, {}), INDEX_COUNTS) for name, now in self.indexes.items()
            ],
        }


def _since(name: str, now: dict[str, Any], then: dict[str, Any], counted: tuple[str, ...]) -> dict[str, Any]:
    return {"name": name} | {key: value - then.get(key, 0) if key in counted else value for key, value in now.items()}

"""Which PostgreSQL server a source was read from, and so how new what was read is: `source_seq`.

A server counts its transactions, and one that was restored or replaced counts anew. So the servers of a source are
numbered in the order in which they appeared, and that number, the epoch, goes before the count.
"""

from __future__ import annotations

from itertools import groupby
from typing import Literal

from resources.errors import SourceError, SourceReplaced
from resources.warehouse import Warehouse

Source = Literal["crm", "telemetry"]
"""A database that is read from; the audit trail lies in the CRM's."""

Server = tuple[int, int]
"""The identifier that a PostgreSQL cluster keeps for good, and its timeline, which each restore raises."""

_POSITION_BITS = 56
_EPOCHS = 1 << (64 - _POSITION_BITS)
_UINT64 = (1 << 64) - 1


def source_seq(warehouse: Warehouse, source: Source, system_identifier: int, timeline: int, position: int) -> int:
    """How new a snapshot is, from the row of `sql/sources/source_seq.sql` that was read in it.

    It never falls from one snapshot of `source` to the next, whichever servers they are of, but for an older server's:
    raises `SourceReplaced`. The first snapshot of a server has the server remembered. Raises `SourceError` where the
    number would not hold what it must.
    """
    server = (system_identifier & _UINT64, timeline)
    known = _appeared(warehouse, source)
    if server not in known:
        warehouse.insert_rows("builds/source_servers", [(source, *server)])
        # Read again: another process may have met this server, or another new one, at the same time.
        known = _appeared(warehouse, source)
    if server != known[-1]:
        raise SourceReplaced(_replaced(source, server))
    epoch = len(known) - 1
    if epoch >= _EPOCHS or position >> _POSITION_BITS:
        raise SourceError(
            f"The {source} source was read from {len(known)} servers, and the last has counted {position >> 16} "
            "transactions: the warehouse has no room for more. Build the marts in a new ClickHouse database."
        )
    return epoch << _POSITION_BITS | position


def _appeared(warehouse: Warehouse, source: Source) -> list[Server]:
    """The servers in the order in which they took over from one another."""
    return [server for server, _ in groupby(warehouse.rows("reads/source_servers", source=source))]


def _replaced(source: Source, server: Server) -> str:
    return (
        f"The {source} source was read from a newer PostgreSQL since, so nothing of the server {server[0]}, timeline "
        f"{server[1]}, would be shown, and nothing was written. Name the server that is in use. If that is this one "
        "again, add its row to source_servers once more, as docs/decisions/0001 says."
    )

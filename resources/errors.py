"""Every error a reader of this system can meet.

    ReportsError
    ├── SettingsError          a setting is missing, malformed or unknown
    ├── SourceError            something about a source
    │   ├── SourceUnavailable  PostgreSQL did not answer
    │   ├── SourceChanged      a table lacks a column that is read, or has it as another type
    │   └── SourceReplaced     the server is one that another has taken over from
    └── WarehouseError         something about the warehouse
        ├── WarehouseUnavailable  ClickHouse did not answer
        │   └── ShardUnavailable  of a cluster, a server that holds the rows of some wearers did not
        ├── BuildRejected      what was written is not what was read, so it was not published
        ├── NotPublished       a mart that others stand on has no publication yet
        └── SchemaDiffers      a table is not what its file in sql/tables says, and only a person can decide what to do

Five more live beside what raises them: `OrchestratorError` (resources.orchestrator), `BackupFailed`
(resources.backup_servers), `WindowRefused` (assets.olap_import), `DaysRefused` (assets.verification), `ErasureRefused`
(assets.erasure).

Messages name what was wrong, where, and what to do; never a person, a token, a secret or an address.
"""


class ReportsError(Exception):
    """Base of every error of this system."""


class SettingsError(ReportsError):
    """A setting is missing, malformed or unknown."""


class SourceError(ReportsError):
    """A source cannot be used."""


class SourceUnavailable(SourceError):
    """A source did not answer; trying again later may help."""


class SourceChanged(SourceError):
    """A source's table is not what is read of it: a column is missing, or of another type."""


class SourceReplaced(SourceError):
    """The server is an older one than the source was read from since, so nothing that it holds may win."""


class WarehouseError(ReportsError):
    """The warehouse refused something."""


class WarehouseUnavailable(WarehouseError):
    """The warehouse did not answer; trying again later may help."""


class ShardUnavailable(WarehouseUnavailable):
    """A server that holds the rows of some wearers did not answer; those of the others can be read."""


class BuildRejected(WarehouseError):
    """A build does not hold what was read for it, so it was not published and readers keep the one before."""


class NotPublished(WarehouseError):
    """A mart that this one is built from has nothing published yet."""


class SchemaDiffers(WarehouseError):
    """Tables of the warehouse are not what their files say, in ways that cannot be mended without losing rows."""

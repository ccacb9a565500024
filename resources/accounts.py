"""The accounts at the warehouse besides the API's (resources/reader.py): what each may do, as GRANTs that name nobody.

- The migrator makes and changes tables and views.
- The loader builds: it reads, writes and deletes rows, and can neither drop nor reshape a table.
- The analyst reads views without names, e-mails and places, within limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

ANALYST_VIEWS = (
    "analyst_telemetry_events",
    "analyst_user_prosthesis_stats",
    "analyst_user_daily_reports",
    "analyst_deal_pipeline",
    "analyst_audit_activity",
)

ANALYST_SETTINGS: Mapping[str, int] = {
    "readonly": 1,
    "max_execution_time": 60,
    "max_memory_usage": 1 << 30,
    "max_memory_usage_for_user": 2 << 30,
    "max_rows_to_read": 1_000_000_000,
    "max_result_rows": 1_000_000,
    "max_threads": 2,
    "max_concurrent_queries_for_user": 8,
}
"""By the server's own names: seconds, bytes, bytes, rows, rows, threads, questions. No statement may change them."""

_COPIES = ("crm_customers_by_number", "crm_customers_by_uuid", "retained_builds")
"""Tables that a run makes anew from others; no row is only there."""
_MAKES = "CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, ALTER TABLE, SELECT, INSERT"
_ENGINES = ("MergeTree", "ReplacingMergeTree", "Join")
"""Those of the tables. A server may want each granted, and none but these reads files or other servers."""


def _compares(database: str) -> list[str]:
    """GRANTs for the scratch databases, in which the files are carried out to be compared with what is there."""
    return [
        f"GRANT CREATE DATABASE, DROP DATABASE, {_MAKES} ON `{database}_scratch_`*.*",
        *(f"GRANT TABLE ENGINE ON {engine}" for engine in _ENGINES),
    ]


def migrator(database: str) -> list[str]:
    """What `reports migrate` needs."""
    return [f"GRANT CREATE DATABASE, {_MAKES} ON `{database}`.*", *_compares(database)]


def loader(database: str) -> list[str]:
    """What runs, `reports import`, `reports erase` and the like need; also to find that tables differ."""
    return [
        f"GRANT SELECT, INSERT, ALTER UPDATE, ALTER DELETE ON `{database}`.*",
        *(f"GRANT CREATE TABLE, DROP TABLE ON `{database}`.{table}" for table in _COPIES),
        # Under such a name the server makes a table that is to replace another, and drops what was replaced.
        f"GRANT CREATE TABLE, DROP TABLE ON `{database}`.`_tmp_replace_`*",
        "GRANT SELECT ON system.parts",
        "GRANT SELECT ON system.merge_tree_settings",
        "GRANT SELECT ON system.disks",
        *_compares(database),
    ]


def analyst(database: str) -> list[str]:
    """What somebody needs who looks at figures, and not at people."""
    return [f"GRANT SELECT ON `{database}`.{view}" for view in ANALYST_VIEWS]


GRANTS: Mapping[str, Callable[[str], list[str]]] = {
    "reports_migrator": migrator,
    "reports_loader": loader,
    "reports_analyst": analyst,
}
"""By role: what makes its GRANTs in a database."""


def statements(database: str) -> list[str]:
    """What makes the roles on a server that keeps accounts in SQL; carried out again, it changes nothing."""
    limits = ", ".join(f"{name} = {value}" for name, value in ANALYST_SETTINGS.items())
    made = [f"CREATE SETTINGS PROFILE IF NOT EXISTS reports_analyst SETTINGS {limits}"]
    for role, grants in GRANTS.items():
        profile = " SETTINGS PROFILE 'reports_analyst'" if role == "reports_analyst" else ""
        made.append(f"CREATE ROLE IF NOT EXISTS {role}{profile}")
        made += [f"{grant} TO {role}" for grant in grants(database)]
    return made

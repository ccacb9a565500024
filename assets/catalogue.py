"""What the UI tells of each mart: whose it is, where it lies, its columns, and a look at its content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from assets.lineage import column_lineage
from resources.publications import EPOCH, Build, naive, segment_end
from resources.settings import Settings
from resources.sql import statement
from resources.warehouse import Warehouse

Found = dg.AssetsDefinition | dg.AssetSpec

_PREVIEWED = 24
"""Builds that a preview is of: the newest, a day's hours at most."""

_TAGS = {
    "crm_customers": {"domain": "crm", "pii": "direct"},
    "telemetry_events": {"domain": "telemetry", "pii": "by-number"},
    "user_prosthesis_stats": {"domain": "telemetry", "pii": "by-number"},
    "user_daily_reports": {"domain": "telemetry", "pii": "by-number"},
    "deal_pipeline": {"domain": "sales", "pii": "none"},
    "audit_activity": {"domain": "audit", "pii": "none"},
}
"""`pii`: whether rows name people, know them by the CRM's number, or neither."""


def with_catalogue(assets: Iterable[Found], settings: Settings) -> list[Found]:
    """`assets`, the marts among them with an owner, tags, and the name of their view."""

    def described(spec: dg.AssetSpec) -> dg.AssetSpec:
        mart = spec.key.to_user_string()
        if mart not in _TAGS:
            return spec
        return spec.replace_attributes(
            owners=["team:data"],
            tags={**spec.tags, **_TAGS[mart]},
            metadata={**spec.metadata, "dagster/table_name": f"{settings.clickhouse_database}.{mart}"},
        )

    return list(dg.map_asset_specs(described, assets))


def shown(warehouse: Warehouse, settings: Settings, mart: str, builds: Sequence[Build]) -> dict[str, Any]:
    """Metadata of a materialization that made or kept `builds`: columns, lineage, bytes, a preview without anybody."""
    newest = sorted(builds, key=lambda build: build.build_id)[-_PREVIEWED:]
    found = {
        "dagster/column_schema": _columns(warehouse, mart),
        "dagster/column_lineage": column_lineage(mart),
        "newest_build_ids": ", ".join(str(build.build_id) for build in reversed(newest)),
        "api": dg.MetadataValue.url(f"http://{settings.reports_service_host}:{settings.reports_service_port}/schema"),
    }
    if preview := _preview(warehouse, mart, builds):
        found["preview"] = dg.MetadataValue.md(preview)
    return found


def bytes_of(warehouse: Warehouse, mart: str, rows: int) -> int:
    """What `rows` take on disk, compressed, if they take what rows of the mart do in the mean."""
    return sum(round(each * rows) for (each,) in warehouse.rows("reads/bytes_per_row", mart=mart))


def _columns(warehouse: Warehouse, mart: str) -> dg.TableSchema:
    found = warehouse.rows("reads/mart_columns", mart=mart)
    return dg.TableSchema([dg.TableColumn(name, type_, comment or None) for name, type_, comment in found])


def _preview(warehouse: Warehouse, mart: str, builds: Sequence[Build]) -> str:
    """A table in Markdown over the newest segments that have rows; empty where there is nothing to show."""
    looked_at = sorted((build for build in builds if build.rows), key=lambda build: build.segment)[-_PREVIEWED:]
    if not looked_at:
        return ""
    name = f"reads/{mart}_preview"
    known = {
        "builds": [build.build_id for build in looked_at],
        "since": naive(max(looked_at[0].segment, EPOCH)),
        "until": naive(segment_end(mart, looked_at[-1].segment)),
    }
    table = warehouse.arrow(name, **{parameter: known[parameter] for parameter in statement(name).parameters})
    return _markdown(table.column_names, [list(row.values()) for row in table.to_pylist()])


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) if rows else ""


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")

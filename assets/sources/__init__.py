"""What we read and do not own, as external assets: the tables, and of their columns those that we read."""

import dagster as dg

from resources.contract import CONTRACT
from resources.settings import Settings


def sources(settings: Settings) -> list[dg.AssetSpec]:
    """The sources, named as these settings find them."""
    crm, audit, telemetry = (
        settings.reports_crm_schema,
        settings.reports_audit_schema,
        settings.reports_telemetry_schema,
    )
    return [
        _source("customers", f"{crm}.customers", "crm", "direct", "The CRM's customers."),
        _source("prostheses", f"{crm}.prostheses", "crm", "by-number", "Who got which prosthesis when."),
        _source("prosthesis_models", f"{crm}.prosthesis_models", "crm", "none", "What kinds of prosthesis there are."),
        _source("deals", f"{crm}.deals", "crm", "none", "What customers buy."),
        _source("audit_events", f"{audit}.events", "crm", "direct", "Who did what to what."),
        _source("raw_telemetry", f"{telemetry}.raw_telemetry", "devices", "by-chip", "What the devices send."),
    ]


def _source(name: str, table: str, team: str, pii: str, description: str) -> dg.AssetSpec:
    columns = [dg.TableColumn(column, type_) for column, type_ in CONTRACT[table.rpartition(".")[2]].items()]
    return dg.AssetSpec(
        name,
        description=description,
        group_name="sources",
        kinds={"postgres", "table"},
        owners=[f"team:{team}"],
        tags={"domain": team, "pii": pii},
        metadata={"dagster/table_name": table, "dagster/column_schema": dg.TableSchema(columns)},
    )

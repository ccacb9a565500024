"""What we read and do not own, as external assets."""

import dagster as dg


def _source(name: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(name, description=description, group_name="sources", kinds={"postgres"})


SOURCES = [
    _source("customers", "The CRM's customers (`crm.customers`)."),
    _source("prostheses", "Who got which prosthesis when (`crm.prostheses`, `crm.prosthesis_models`)."),
    _source("deals", "What customers buy (`crm.deals`)."),
    _source("audit_events", "Who did what to what (`audit.events`)."),
    _source("raw_telemetry", "What the devices send (`telemetry.raw_telemetry`)."),
]

"""Restoring a backup: what has happened since is seen to before any reader sees what is restored."""

from __future__ import annotations

from uuid import uuid4

from assets import orphans
from assets.collection import purge
from assets.crm_customers import build_customers
from resources import backups, retention
from resources.backup_servers import BackupFailed, Move
from resources.migrations import migrate
from resources.publications import EPOCH, naive
from resources.settings import Settings
from resources.source import snapshot
from resources.warehouse import Warehouse


def restore(settings: Settings, name: str, move: Move) -> list[backups.Held]:
    """Restore the backup `name` into the empty warehouse, all at once; returns what that holds then.

    People who left the CRM since, and days that are no longer kept, are not in it. Killed or failed, it leaves nothing
    that a reader sees, and can be done again. Raises `BackupFailed`, `SchemaDiffers` where the backup is of a newer
    release, and whatever reading the CRM raises.
    """
    # The CRM is needed at the end; whether it can be read is better known before hours of restoring.
    with snapshot(settings.crm_database_url, settings.reports_crm_schema, "CRM_DATABASE_URL") as crm:
        crm.check("customers", "prostheses", "prosthesis_models")
    with backups.restored(settings, name, move) as beside:
        move(0, 0, "reading the CRM, and removing who left it")
        # A backup of an older release lacks what was added since.
        migrate(beside)
        with Warehouse(beside) as warehouse:
            _catch_up(warehouse, settings)
        backups.swap_in(settings, beside)
    # Views name their database: those of the other are made anew.
    migrate(settings)
    return backups.held(settings)


def _catch_up(warehouse: Warehouse, settings: Settings) -> None:
    """Have what was restored know who and what is gone since it was backed up."""
    retention.expire(warehouse, settings)
    with snapshot(settings.crm_database_url, settings.reports_crm_schema, "CRM_DATABASE_URL") as crm:
        customers = build_customers(warehouse, crm, f"restore-{uuid4()}")
    if not customers.source_rows:
        raise BackupFailed(
            "The CRM knows nobody, which is taken for a broken CRM. Who left it would be seen again, so nothing was "
            "restored; do it again once the CRM has its customers."
        )
    orphans.remove(warehouse)
    purge(warehouse)
    # What was published after the backup is gone: whoever names such a publication learns so.
    warehouse.insert_rows("builds/collections", [(naive(EPOCH), naive(EPOCH))])

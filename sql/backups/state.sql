-- How far a backup or restore is; no row where the server was started anew since. Parameters: id, as the server named it.
SELECT status, error FROM system.backups WHERE id = {id:String}

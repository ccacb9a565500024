-- Write the parts of a partition anew without the rows that were marked as deleted. The files they were in leave the disk some
-- minutes later (`reads/parts_linger`). Parameters: table; partition_id.
ALTER TABLE {table:Identifier} APPLY DELETED MASK IN PARTITION ID {partition_id:String} SETTINGS mutations_sync = 2

-- Every build of `deal_pipeline`. Grain: build_id, status, currency.
CREATE TABLE IF NOT EXISTS deal_pipeline_builds
(
    status String COMMENT 'As the CRM names it',
    currency String COMMENT 'ISO 4217',
    deals UInt64 COMMENT 'Deals in this status and currency',
    deals_with_amount UInt64 COMMENT 'Those of them that have an amount',
    amount_total Nullable(Decimal(38, 2)) COMMENT 'In the currency, over the deals with an amount; NULL where there is none',
    oldest_updated_at DateTime64(6, 'UTC') COMMENT 'When the deal that was left alone for longest was changed',
    newest_updated_at DateTime64(6, 'UTC') COMMENT 'When a deal was changed last',
    build_id UInt64 COMMENT 'The build that wrote the row'
)
ENGINE = MergeTree
ORDER BY (build_id, status, currency)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1

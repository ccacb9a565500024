-- Every build of `crm_customers`. Grain: build_id, user_id.
CREATE TABLE IF NOT EXISTS crm_customers_builds
(
    user_id UInt64 COMMENT 'The number that the CRM gave the customer',
    user_uuid UUID COMMENT 'Subject (`sub`) of the customer at Keycloak',
    ldap_username String COMMENT 'Username (`preferred_username`) at Keycloak',
    name String COMMENT 'As the CRM has it',
    email String COMMENT 'As the CRM has it',
    age Nullable(Int32) COMMENT 'Years',
    gender Nullable(String) COMMENT 'As the CRM has it',
    country Nullable(String) COMMENT 'As the CRM has it',
    address Nullable(String) COMMENT 'As the CRM has it',
    phone Nullable(String) COMMENT 'As the CRM has it',
    contract Nullable(String) COMMENT 'As the CRM has it',
    registration_ts DateTime64(6, 'UTC') COMMENT 'When the customer was registered',
    updated_at DateTime64(6, 'UTC') COMMENT 'When the CRM last changed the customer',
    build_id UInt64 COMMENT 'The build that wrote the row'
)
ENGINE = MergeTree
ORDER BY (build_id, user_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1

-- How much the account may change: 1 means nothing at all, limits within their constraints apart. One row.
SELECT toUInt8(getSetting('readonly')) AS readonly

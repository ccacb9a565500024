-- What builds of the CRM's snapshot hold. Grain: build_id. Parameters: builds, of `crm_customers` and `prosthesis_owners`.
-- A customer is hashed as text, because the hash of a NULL is NULL and would leave the row out of the sum.
SELECT build_id, count(), sum(cityHash64(toString(tuple(* EXCEPT (build_id)))))
FROM crm_customers_builds
WHERE build_id IN {builds:Array(UInt64)}
GROUP BY build_id
UNION ALL
SELECT build_id, count(), sum(cityHash64(* EXCEPT (build_id)))
FROM prosthesis_owners_builds
WHERE build_id IN {builds:Array(UInt64)}
GROUP BY build_id

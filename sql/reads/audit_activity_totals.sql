-- What builds of the audit activity hold. Grain: build_id. Parameters: builds; since, until (UTC), bounds of their days.
SELECT build_id, count(), sum(events), sum(cityHash64(* EXCEPT (build_id))), max(last_event_at)
FROM audit_activity_builds
WHERE day >= toDate({since:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')}) AND build_id IN {builds:Array(UInt64)}
GROUP BY build_id

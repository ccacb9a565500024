-- What builds of hourly sums hold. Grain: build_id. Parameters: builds; since, until (UTC), bounds of their hours.
SELECT build_id, count(), sum(movements), sum(cityHash64(* EXCEPT (build_id))), max(last_event_at)
FROM user_prosthesis_stats_builds
WHERE hour >= {since:DateTime('UTC')} AND hour < {until:DateTime('UTC')} AND build_id IN {builds:Array(UInt64)}
GROUP BY build_id

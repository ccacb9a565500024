-- What builds of events hold, published and set apart. Grain: build_id.
-- Parameters: builds; since, until (UTC), bounds of their event times.
SELECT build_id, sum(published), sum(set_apart), sum(id_sum), sum(checksum), max(watermark)
FROM
(
    SELECT
        build_id,
        count() AS published,
        0 AS set_apart,
        sum(id) AS id_sum,
        sum(cityHash64(* EXCEPT (build_id))) AS checksum,
        max(event_time) AS watermark
    FROM telemetry_events_builds
    WHERE event_time >= {since:DateTime64(6, 'UTC')}
      AND event_time < {until:DateTime64(6, 'UTC')}
      AND build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
    UNION ALL
    SELECT
        build_id,
        0 AS published,
        count() AS set_apart,
        sum(id) AS id_sum,
        sum(cityHash64(id, reason)) AS checksum,
        toDateTime64(0, 6, 'UTC') AS watermark
    FROM quarantine_builds
    WHERE event_time >= {since:DateTime64(6, 'UTC')}
      AND event_time < {until:DateTime64(6, 'UTC')}
      AND build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
)
GROUP BY build_id

-- Segments that must be built again (`dirty_segments` says why), and since when that was known. What arrives all the time is noticed all
-- the time, and counts from the last; whether building keeps up is what freshness tells. Grain: mart, segment, reason.
CREATE OR REPLACE VIEW waiting_segments AS
WITH known AS
(
    SELECT mart, segment, 'arrived' AS reason, noticed_at AS known_at
    FROM noticed_segments FINAL
    UNION ALL
    SELECT mart, segment, 'faulty', min(found_at)
    FROM faulty_builds
    WHERE build_id IN (SELECT build_id FROM current_builds)
    GROUP BY mart, segment
    UNION ALL
    SELECT 'user_prosthesis_stats', segment, 'behind', published_at
    FROM current_builds
    WHERE mart = 'telemetry_events'
    UNION ALL
    SELECT 'user_daily_reports', toStartOfDay(segment) AS day, 'behind', max(published_at)
    FROM current_builds
    WHERE mart = 'user_prosthesis_stats'
    GROUP BY day
)
SELECT dirty.mart AS mart, dirty.segment AS segment, dirty.reason AS reason, known.known_at AS known_at
FROM dirty_segments AS dirty
LEFT JOIN known ON known.mart = dirty.mart AND known.segment = dirty.segment AND known.reason = dirty.reason

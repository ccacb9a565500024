-- Segments that must be built again, and why. Derived from what was noticed, found and published, so nothing can forget it:
-- `arrived` what was noticed is newer than what is published, and another; unpublished, that there is something at all;
-- `faulty`  the current build was found to be wrong;
-- `behind`  an hour of sums is not of the current events of that hour, a day not of the current hours of that day.
-- Who owns a chip is not looked at here: see `reads/owner_checksums.sql`. Which days have partitions, neither.
-- `cause` tells one dirt from the next: the `source_seq` of what was noticed, the faulty build, the builds that are to be used.
-- Grain: mart, segment, reason.
CREATE OR REPLACE VIEW dirty_segments AS
SELECT noticed.mart AS mart, noticed.segment AS segment, 'arrived' AS reason, noticed.source_seq AS cause
FROM (SELECT mart, segment, source_seq, fingerprint FROM noticed_segments FINAL) AS noticed
LEFT JOIN current_builds AS built ON built.mart = noticed.mart AND built.segment = noticed.segment
WHERE noticed.source_seq > built.source_seq
  AND noticed.fingerprint != arraySlice(built.inputs, 1, length(noticed.fingerprint))
  AND (built.build_id > 0 OR noticed.fingerprint[1] > 0)
UNION ALL
SELECT mart, segment, 'faulty', build_id
FROM current_builds
WHERE build_id IN (SELECT build_id FROM faulty_builds)
UNION ALL
SELECT 'user_prosthesis_stats', events.segment, 'behind', events.build_id
FROM (SELECT segment, build_id FROM current_builds WHERE mart = 'telemetry_events' AND segment > toDateTime(0, 'UTC')) AS events
LEFT JOIN (SELECT segment, inputs FROM current_builds WHERE mart = 'user_prosthesis_stats') AS stats USING (segment)
WHERE stats.inputs[1] != events.build_id
UNION ALL
SELECT 'user_daily_reports', hours.day, 'behind', cityHash64(hours.builds)
FROM
(
    SELECT toStartOfDay(segment) AS day, arraySort(groupArray((segment, build_id))).2 AS builds
    FROM current_builds
    WHERE mart = 'user_prosthesis_stats'
    GROUP BY day
) AS hours
LEFT JOIN (SELECT segment AS day, inputs FROM current_builds WHERE mart = 'user_daily_reports') AS days USING (day)
WHERE hours.builds != days.inputs

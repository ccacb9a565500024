-- Segments that must be built again, and why. Derived from what was noticed, found and published, so nothing can forget it:
-- `arrived` what was noticed is newer than what is published, and another; unpublished, that there is something at all;
-- `faulty`  the current build was found to be wrong;
-- `behind`  an hour of sums is not of the current events of that hour, a day not of the current hours of that day.
-- Who owns a chip is not looked at here: see `reads/owner_checksums.sql`. Which days have partitions, neither.
-- `cause` tells one dirt from the next: the `source_seq` of what was noticed, the faulty build, the builds that are to be used.
-- What is compared is grouped and not joined: the server then reads no more than the segments that are asked for, however long the
-- history. Grain: mart, segment, reason.
CREATE OR REPLACE VIEW dirty_segments AS
SELECT mart, segment, 'arrived' AS reason, max(noticed_seq) AS cause
FROM
(
    SELECT mart, segment, source_seq AS noticed_seq, fingerprint AS noticed, 0 AS built_seq, 0 AS build, [] AS made_from
    FROM noticed_segments FINAL
    UNION ALL
    SELECT mart, segment, 0, [], source_seq, build_id, inputs FROM current_builds
)
GROUP BY mart, segment
HAVING cause > max(built_seq)
   AND max(noticed) != arraySlice(max(made_from), 1, length(max(noticed)))
   AND (max(build) > 0 OR max(noticed)[1] > 0)
UNION ALL
SELECT mart, segment, 'faulty', build_id
FROM current_builds
WHERE build_id IN (SELECT build_id FROM faulty_builds)
UNION ALL
SELECT 'user_prosthesis_stats', segment, 'behind', maxIf(build_id, mart = 'telemetry_events') AS events
FROM current_builds
WHERE mart IN ('telemetry_events', 'user_prosthesis_stats') AND segment > toDateTime(0, 'UTC')
GROUP BY segment
HAVING events > 0 AND maxIf(inputs[1], mart = 'user_prosthesis_stats') != events
UNION ALL
SELECT 'user_daily_reports', day, 'behind', cityHash64(hours)
FROM
(
    SELECT
        toStartOfDay(segment) AS day,
        arraySort(groupArrayIf((segment, build_id), mart = 'user_prosthesis_stats')).2 AS hours,
        maxIf(inputs, mart = 'user_daily_reports') AS made_from
    FROM current_builds
    WHERE mart IN ('user_prosthesis_stats', 'user_daily_reports')
    GROUP BY day
)
WHERE notEmpty(hours) AND hours != made_from

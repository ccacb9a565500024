-- Segments that must be built again, and why. Derived from what was noticed, found and published, so nothing can forget it:
-- `arrived` what was noticed is newer than what is published, and another; unpublished, that there is something at all;
-- `faulty`  the current build was found to be wrong;
-- `behind`  an hour of sums is not of the current events of that hour, a day not of the current hours of that day.
-- Who owns a chip is not looked at here: see `reads/owner_checksums.sql`. Which days have partitions, neither.
-- `cause` tells one dirt from the next: the `source_seq` of what was noticed, the faulty build, the builds that are to be used.
-- What is compared is grouped and not joined: the server then reads no more than the segments that are asked for, however long the
-- history. The current build is the highest (source_seq, build_id), as in `current_builds`; planning that view in each branch takes
-- longer than reading. Grain: mart, segment, reason.
CREATE OR REPLACE VIEW dirty_segments AS
SELECT mart, segment, why.1 AS reason, why.2 AS cause
FROM
(
    SELECT
        mart,
        segment,
        max((built_seq, build_id, made_from)) AS built,
        max((noticed_seq, fingerprint)) AS noticed,
        noticed.1 > built.1
        AND noticed.2 != arraySlice(built.3, 1, length(noticed.2))
        AND (built.2 > 0 OR noticed.2[1] > 0) AS has_arrived,
        arrayJoin(arrayConcat(
            if(has_arrived, [('arrived', noticed.1)], []),
            if(built.2 IN (SELECT build_id FROM faulty_builds), [('faulty', built.2)], [])
        )) AS why
    FROM
    (
        SELECT mart, segment, source_seq AS built_seq, build_id, inputs AS made_from, 0 AS noticed_seq, [] AS fingerprint
        FROM publications
        UNION ALL
        SELECT mart, segment, 0, 0, [], source_seq, fingerprint FROM noticed_segments
    )
    GROUP BY mart, segment
)
UNION ALL
SELECT 'user_prosthesis_stats', segment, 'behind', maxIf((source_seq, build_id), mart = 'telemetry_events').2 AS events
FROM publications
WHERE mart IN ('telemetry_events', 'user_prosthesis_stats') AND segment > toDateTime(0, 'UTC')
GROUP BY segment
HAVING events > 0 AND maxIf((source_seq, build_id, inputs[1]), mart = 'user_prosthesis_stats').3 != events
UNION ALL
SELECT 'user_daily_reports', day, 'behind', cityHash64(hours)
FROM
(
    SELECT
        toStartOfDay(segment) AS day,
        arraySort(groupArrayIf((segment, built.2), mart = 'user_prosthesis_stats')).2 AS hours,
        maxIf(built.3, mart = 'user_daily_reports') AS made_from
    FROM
    (
        SELECT mart, segment, max((source_seq, build_id, inputs)) AS built
        FROM publications
        WHERE mart IN ('user_prosthesis_stats', 'user_daily_reports')
        GROUP BY mart, segment
    )
    GROUP BY day
)
WHERE notEmpty(hours) AND hours != made_from

-- Whose rows, and of which builds, `builds/orphans` would remove of a table that is spread over a cluster; every server is asked, as
-- in `superseded`. One row. Parameters: cluster; part, the database on its servers; table; customers, as there.
SELECT groupUniqArray(build_id) AS builds, groupUniqArray(user_id) AS users
FROM clusterAllReplicas({cluster:String}, {part:String}, {table:String})
WHERE user_id NOT IN (SELECT user_id FROM crm_customers)
  AND (build_id < {customers:UInt64} OR build_id IN (SELECT build_id FROM publications))

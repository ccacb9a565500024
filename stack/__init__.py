"""The local stack: what `reports up` starts on a machine that has only Python.

Where to look:
- the command: `cli`, and what it calls: `up`, `logs`, `filling`, `issuer`, `dagster_runs`, `warehouse_commands` (import
  ask migrate orphans erase), `verify_command`, with `questions` and `whereabouts`; what it shows: `terminal`, `tables`,
  `display`, `welcome`
- the other commands: `serve_api` (reports-api), `refresh_views` (reports-refresh-views)
- which parts run, and where they listen: `lineup`, `parts`, `ports`, `bootstrap` (the steps of a first start)
- keeping them alive: `supervisor`, one `keeper` a part, `child`, `guard` (ends them when the supervisor is killed),
  `probes`, `state`
- the engines: `postgres`; `clickhouse` with its `library`, `chdb` (the process), `front` and `hello` (before its port),
  `account`
- the state folder: `home`
- demo data: `sources` (tables), `seed` (writing), `demo` (the people and their month)
"""

from tests.cells import words
pytest_plugins = ["tests.month"]
def test_probe(wearers, events, month):
    sound = events.filter("sound")
    print(sound.schema)
    u = sound["user_id"].unique().sort()[0]
    for f in (wearers.own(u, f"/reports/{u}?from=2026-02-10&to=2026-02-20"), wearers.own(u, "/api/reports/summary?from=2026-02-10&to=2026-02-20"),
      wearers.totals_of(u, start_ts="2026-02-10T00:00:01Z"), wearers.aggregate_of("deal-pipeline"), wearers.aggregate_of("audit-activity?from=2026-02-10&to=2026-02-12")):
        print(words(f("format=pdf")))
    from tests import recompute
    print(recompute.deals(month.settings.crm_database_url))
    d = sound.filter(sound["user_id"]==u)["event_time"].dt.date().unique().sort()[0]
    print(words(wearers.own(u, f"/api/reports/{d}")("format=pdf")))
    print(wearers.own(u, f"/api/reports/{d}")("format=csv")[:500])
    assert 0

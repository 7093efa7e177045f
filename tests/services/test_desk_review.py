"""The work of a reviewer at the desk: queue, polygons, decisions, undo."""


def test_smoke(desk):
    ana = desk.sign_in("ana")
    print(ana.get("/api/options").json())
    print(ana.get("/api/counts").json())
    items = ana.waiting(limit=3)
    print(items)
    one = ana.seen(items[0]["polygon_id"])
    print(one)
    answer = ana.get("/api/polygons", params={"bbox": ",".join(map(str, one["bbox"]))})
    print(answer.text)
    answer = ana.decide(items[0], "accepted")
    print(answer.text)
    answer = ana.post(f"/api/polygons/{items[0]['polygon_id']}/undo", {"evidence": items[0]["evidence"]})
    print(answer.text)
    assert answer.status_code == 201
    print(ana.get("/lib/maplibre-gl.css").status_code, dict(answer.headers))
    b = one["images"]
    print(b)
    print(ana.delete("/api/session").status_code)

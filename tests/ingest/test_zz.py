import pytest
from tests import factories
pytestmark = pytest.mark.django_db
def test_flow():
    p=factories.project(); c=factories.client(project=p); factories.customer(project=p, external_id="acme")
    r=c.post("/api/v1/meters",{"code":"calls","event_type":"call","aggregation":"count"},format="json"); print(r.status_code,r.json())
    r=c.post("/api/v1/meters",{"code":"tok","event_type":"call","aggregation":"sum","value_property":"n","group_by":["m"],"filters":[{"property":"ok","in":[True,1]}]},format="json"); print(r.status_code,r.json())
    ev={"id":"a1","source":"s","type":"call","subject":"acme","time":"2026-01-01T00:00:00Z","data":{"n":1.50,"m":"x","ok":True}}
    for e in (ev,ev,{**ev,"data":{"n":2}},{**ev,"id":"A1"},{**ev,"id":"Á1"},{**ev,"id":"a1 "},{**ev,"id":"b","data":{"n":"x","ok":1}}):
        r=c.post("/api/v1/events",e,format="json"); print(r.status_code,r.headers["content-type"],r.json())
    r=c.post("/api/v1/events/batch",{"events":[ev,{**ev,"id":"c"},{**ev,"id":"c"},5,{**ev,"id":"c","type":"x"}]},format="json"); print(r.status_code,r.json())
    for u in ("/api/v1/usage?customer=acme&meter=tok&from=2026-01-01T00:00:00Z&to=2026-01-03T00:00:00Z&window=day&group_by=m","/api/v1/usage?customer=acme&meter=calls&from=2026-01-01T00:00:00Z&to=2026-01-03T00:00:00Z&window=day","/api/v1/events","/api/v1/events?outcome=failed","/api/v1/events/one?source=s&id=a1"):
        r=c.get(u); print(r.status_code, r.content.decode()[:1500])
    r=c.post("/api/v1/events/void",{"source":"s","id":"a1","reason":"x"},format="json"); print(r.status_code,r.json())
    r=c.get("/api/v1/events/one?source=s&id=a1"); print(r.status_code, r.content.decode()[:1500])
    from ingest.services.windows import rebuild_windows
    from ingest.models import *
    print(rebuild_windows(p), rebuild_windows(p), DirtyMark.objects.count(), list(UsageWindow.objects.values()))
    assert 0

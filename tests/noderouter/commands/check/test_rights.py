from noderouter.commands.check.rights import check_rights, judged
from noderouter.kubernetes.needs import Right


def test_what_is_needed_and_what_is_only_good_to_have():
    right = Right("endpointslices", "watch", "mesh", "", "discovery.k8s.io")
    assert str(judged(right, True)) == "ok   right to watch endpointslices in mesh: granted"
    assert str(judged(right, False)) == (
        "fail right to watch endpointslices in mesh: not granted\n"
        "     -> grant it: apiGroups ['discovery.k8s.io'], resources [endpointslices], verbs [watch]"
    )
    optional = Right("events", "create", "mesh", without="less is seen")
    assert str(judged(optional, False)).startswith("warn right to create events in mesh: not granted: less is seen\n")


async def test_an_api_that_does_not_tell(server, api):
    rights = [Right("services", "list"), Right("services", "watch")]
    own = [line async for line in check_rights(api, rights, None)]
    assert [str(line)[:31] for line in own] == ["fail rights: cannot be asked for"[:31]]
    (other,) = [line async for line in check_rights(api, rights, ("mesh", "router"))]
    assert other.hint == "asking for others needs the right to create subjectaccessreviews"


async def test_an_answer_without_a_verdict(api, monkeypatch):
    async def send(*_):
        return {"kind": "Status"}

    monkeypatch.setattr(api, "send", send)
    (line,) = [line async for line in check_rights(api, [Right("services", "list")], None)]
    assert line.words == "cannot be asked for: POST SelfSubjectAccessReview: no verdict in the answer"

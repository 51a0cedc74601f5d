from noderouter.check.plan import Right
from noderouter.check.rights import judged


def test_what_is_needed_and_what_is_only_good_to_have():
    right = Right("endpointslices", "watch", "mesh", "", "discovery.k8s.io")
    assert str(judged(right, True)) == "ok   right to watch endpointslices in mesh: granted"
    assert str(judged(right, False)) == (
        "fail right to watch endpointslices in mesh: not granted\n"
        "     -> grant it: apiGroups ['discovery.k8s.io'], resources [endpointslices], verbs [watch]"
    )
    optional = Right("events", "create", "mesh", without="less is seen")
    assert str(judged(optional, False)).startswith("warn right to create events in mesh: not granted: less is seen\n")

"""The control plane's side of interception: decides what is captured on this node, and has the keeper do it.

    selection, pods                         which pods            ┐
    declared_protocol, services             which destinations    │ pure; from objects of the API to lists
    addresses                               what never is         ┘
    watches                                 the objects, kept current
    list_sync, replies, keeper_connection,
    keeper_client                           lists and progress, sent to the keeper over its socket
    probe, health_report                    how the router is doing, measured from outside of the data path
    capture_status                          whether the pod that asks is captured
    controller                              all of it together, from start to the disarming before a drain

The keeper is another process (`noderouter/interception/keeper/`); of it this package knows the protocol and its values
only.
"""

"""The control plane's side of interception: decides what is captured on this node, and tells the keeper.

    choice, pods                       which pods            ┐
    speech, speaks_first, services     which destinations    ├ pure; from objects of the API to lists
    never                              what never is         ┘
    watches                            the objects, kept current
    roster, answer, link, teller       the lists and signs of progress, told to the keeper over its socket
    backlog, probe, progress           how the router is doing, measured from outside of the data path
    arming                             all of it together, from start to the disarming before a drain

The keeper is another process (`noderouter/interception/keeper/`); of it this package knows the protocol and its values only.
"""

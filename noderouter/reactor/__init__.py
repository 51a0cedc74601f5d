"""The data plane's scheduler: plain coroutines over non-blocking sockets, stepped by one trio task.

`loop.py` holds the loop, `task.py` what it steps, `wire.py` the sockets they await, `event.py` the bridge to the
control plane, `timers.py` the deadlines, `host.py` the one file here that knows trio.

Rules that every wait keeps:
    1. A wait names its task in the thing it waits for, yields, and checks its condition again when resumed:
       a wake-up may be spurious, an edge is never lost (the thing remembers it).
    2. A wait that is left by an exception takes its task's name out again.
    3. Whoever wakes a task never runs it: it becomes runnable, and the loop runs it.
"""

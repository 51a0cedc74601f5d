"""The Kubernetes API: who we are to it, lists and watches that never give up, and a few small writes.

`clusters.py` is the door: one `Cluster` for each API server that the configuration names, shared by everybody who
reads from it. `reflector.py` keeps a `Replica` equal to what the API holds; `object_watch.py`, `service_index.py`
and `slice_watches.py` make Vars of that. This package alone imports httpx and kubernetes, and only when a request is
made: a router without Kubernetes pays for neither.
"""

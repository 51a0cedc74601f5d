"""Load and micro benchmarks: noderouter beside HAProxy, nginx and Envoy, with equal work for each.

`python -m benchmarks` starts one backend and all proxies, drives short runs that rotate between them, and
reports CPU per request, rates and latencies with ratios per round. `python -m benchmarks.micro` times single
functions; `python -m benchmarks.soak` sends hostile traffic and watches memory. docs/benchmarks.md says how
to read the figures and what they do not show.

Invariants: traffic goes to loopback only; a run is repeated because of foreign CPU, never because of its
result; every process that is started is stopped.
"""

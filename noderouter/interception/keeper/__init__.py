"""Node-level interception: the kernel gives pods' connections to the router, and stops when the router stops.

    desired state ──> rules (pure text) ──> nft | iptables + ipset         nft.py, xtables.py
         ▲                                       ▲
      protocol <── unix socket ── router         │ reconcile, refresh, disarm
                                  keeper ────────┘

A small process of its own (`noderouter intercept run`) holds NET_ADMIN; the router stays unprivileged and tells it,
over a narrow protocol, what to capture and that it makes progress. Invariants:

- The package imports the standard library only, and nothing of the router: what is privileged can be read in an
  evening.
- Capturing needs an element of a set that the kernel itself lets expire (`ALIVE_MS`). Nobody has to run for it to
  end.
- What is in doubt goes directly: an address of two pods, a list that has not come, a change that could not be applied.
"""

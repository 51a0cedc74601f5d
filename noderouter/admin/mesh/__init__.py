"""The whole mesh from any node: `?nodes=all` of the dashboard's views, and `noderouter status`.

    summary    what a router says of itself, bounded in bytes     checked   the same from a stranger, checked
    sums       counts and latencies that add up exactly           merge     many of them as one
    peers      where the others are                               ask       one of them asked
    gatherer   all of them asked, while somebody looks            nodes     how each of them is, and what differs

Nobody is followed and nothing is kept: who looks has the others asked, and what they said is good for five seconds.
"""

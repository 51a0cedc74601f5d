"""`/metrics`: what the router counts, under names of its own and by the rules of OpenMetrics 1.0.

`catalogue` says which families there are, and which place of the tree each comes from; `family` what a family is;
`writer` writes their text, in either of two formats; `exposition` walks the tree, in steps. Linkerd's metrics
(`/admin/metrics*`) come from the same tree, and know nothing of this.
"""

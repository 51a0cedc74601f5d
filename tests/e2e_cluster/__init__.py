"""End to end: the chart on the two nodes of tests/cluster, under a steady load of which every request is counted.

Each test takes something away from the mesh, states what that cost (the figures are printed at the end of the run), and
asserts that no request failed that had a live endpoint to go to.
"""

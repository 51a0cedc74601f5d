"""Desired state in, text out: pure, without clock, files or commands; the same state gives the same text.

`ruleset` boils policy, pods and services down to what a packet filter needs; `nftables` and `iptables` write it.
"""

"""How rules get into the kernel: nft or iptables, and which of them this node has."""

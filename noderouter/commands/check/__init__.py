"""`noderouter check`: whether a router finds what it needs, before it is installed and after.

finding      one line of the report           plan            what a configuration needs of Kubernetes
environment  this program, the pod's variables    kubernetes  the API: reachable, how old
ports        listeners and the admin port     rights          RBAC, verb by verb
                                              config_maps     the dtabs that are stored there
tls          certificates, keys, chains, names and ends
intercept    the keeper beside the router, and the port for captured connections
tokens       the keys of issuers of tokens
command      which checks, in which order     arguments       the command line
"""

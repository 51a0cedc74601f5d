"""The administrative interface: an ASGI application on a port of its own (docs/linkerd1.md section 7).

It is on loopback unless configured.

    listen      opens the sockets, with clear errors, before anything is imported
    server      accepts connections; imports hypercorn late
    places      how many connections there are, and which one goes for a newer one
    hypercorn_host
                one connection: hypercorn's HTTP/1 on a socket of ours, on a clock
    grpc_host   one connection that speaks HTTP/2: health checks by gRPC, of which grpc_health has the messages
    app         HTTP in general: hosts, origins, bodies, limits, HEAD, errors
    hosts       which hosts are answered
    routes      which path has which handlers, and its group; what is on the port for probes
    security    which groups and paths there are; which origins may post
    answers     large answers: one at a time, shared
    gauges      what is counted of all this
    state       everything the application knows of the router, as callables
    handler/    the endpoints

It shares its thread with the data path: nothing here works for long without a rest (`core.background.Pace`).
"""

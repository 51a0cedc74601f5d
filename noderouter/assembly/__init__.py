"""One router's stacks, built by plain functions from its checked configuration; each returns what it built.

client.build_clients, service.build_names  >  router.build_router  >  server.build_server, capture.build_capture_server
"""

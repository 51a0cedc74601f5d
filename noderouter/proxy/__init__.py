"""What runs for a request or a connection: the data plane above the reactor. Nothing here imports trio."""

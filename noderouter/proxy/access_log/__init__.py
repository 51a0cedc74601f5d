"""The access log: the filter that writes a line for each request, and the files that it goes to."""

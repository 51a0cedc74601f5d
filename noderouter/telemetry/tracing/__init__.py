"""Spans: records of what a request met here, and their way to a collector.

recorder   makes them of exchanges that have ended (an observer; see `telemetry.observe`)
span       one of them
queue      where they wait, so many at most
exporter   the task that takes them from there, in batches, and tries again
post       one request to a collector, in a thread
zipkin     batches as Zipkin reads them
otlp       batches as OpenTelemetry's collectors read them
target     where those are sent, by the configuration

The access log goes the same way: `log_recorder` fills the queue, `otlp_logs` encodes. So does the router's own log, by
`event_recorder` and `otlp_events`. `exports` begins and flushes all of them.
"""

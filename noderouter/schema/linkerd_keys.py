"""What Linkerd 1.7 knows and what it once knew, by name (docs/linkerd1.md sections 2 to 6).

Configurations come from Linkerd users. A key or kind that Linkerd has and noderouter has not is refused, and
the refusal says that this is not a typing error. Whether something *is* built is never written here: a kind
is built when its package has it, a key when its model has it; so a new kind or key needs no change in this
file.
"""

from collections.abc import Iterable

_NOT_BUILT = "known to Linkerd, not supported by noderouter yet"
_FINAGLE = "connections of that protocol are carried as they are where they are captured (`capture` of a server)"
_FILES = "let a program that knows it write files for the namer io.l5d.fs"
_ANNOUNCED = "Kubernetes' Services announce; take the key out"
_NOT_PLANNED = {
    **dict.fromkeys(("thrift", "mux", "thriftmux"), _FINAGLE),
    **dict.fromkeys(("thriftFramed", "thriftMethodInDst", "thriftProtocol", "attemptTTwitterUpgrade"), _FINAGLE),
    **dict.fromkeys(
        ("io.l5d.marathon", "io.l5d.serversets", "io.l5d.zkLeader", "io.l5d.curator", "io.l5d.rancher"), _FILES
    ),
    **dict.fromkeys(("announcers", "announce"), _ANNOUNCED),
    "tracePropagator": "use `trace: {propagation: [b3multi]}` for io.l5d.zipkin, and [l5d] for io.l5d.default",
    "io.l5d.namerd": "keep the dtab in a ConfigMap (io.l5d.k8s.configMap)",
    "io.l5d.statsd": "use io.l5d.prometheus",
}
"""Kinds, protocols and keys that will not be built, and what to do instead."""


def not_built(name: str = "") -> str:
    """Return why a kind, protocol, key or value of Linkerd's is refused."""
    instead = _NOT_PLANNED.get(name)
    return _NOT_BUILT if instead is None else f"known to Linkerd, and not planned: {instead}"


def _table(text: str) -> dict[str, frozenset[str]]:
    """Parse lines of `name: key key key`."""
    pairs = (line.split(":", 1) for line in text.strip().splitlines())
    return {name.strip(): frozenset(keys.split()) for name, keys in pairs}


def one_of(names: Iterable[str]) -> str:
    """Return prose for the valid names of a place."""
    shown = ", ".join(sorted(names))
    return f"valid: {shown}" if shown else "none are built yet"


_H2_GRPC = "successStatusCodes"

KINDS: dict[str, dict[str, frozenset[str]]] = {
    "identifier": _table("""
        io.l5d.header.token: header
        io.l5d.header: header
        io.l5d.header.path: segments
        io.l5d.path: segments consume
        io.l5d.methodAndHost: httpUriInDst
        io.l5d.ingress: namespace ingressClassAnnotation ignoreDefaultBackends host port
        io.l5d.static: path
        io.l5d.k8s.istio: discoveryHost discoveryPort apiserverHost apiserverPort
    """),
    "namer": _table("""
        io.l5d.k8s: host port labelSelector
        io.l5d.k8s.ns: host port labelSelector envVar
        io.l5d.k8s.external: host port labelSelector
        io.l5d.k8s.istio: host port
        io.l5d.fs: rootDir
        io.l5d.rewrite: pattern name
        io.l5d.consul: host port includeTag useHealthCheck healthStatuses token setHost consistencyMode\
 failFast preferServiceAddress weights fixedLengthStreamedAfterKB transferMetadata tls
        io.l5d.dnssrv: refreshIntervalSeconds dnsHosts
        io.l5d.marathon: host port uriPrefix ttlMs useHealthCheck tls
        io.l5d.serversets: zkAddrs
        io.l5d.zkLeader: zkAddrs
        io.l5d.curator: zkAddrs basePath
        io.l5d.rancher: portMappings maxWait
    """),
    "interpreter": _table("""
        default:
        io.l5d.namerd: dst namespace retry tls failureThreshold
        io.l5d.namerd.http: dst namespace retry tls failureThreshold
        io.l5d.mesh: dst root retry tls failureThreshold initialStreamWindowSizeKB
        io.l5d.fs: dtabFile
        io.l5d.k8s.configMap: name filename host port namespace
        io.l5d.consul.interpreter: host port namespace pathPrefix token datacenter readConsistencyMode\
 writeConsistencyMode failFast backoff tls
    """),
    "transformer": _table("""
        io.l5d.k8s.daemonset: k8sHost k8sPort namespace service port hostNetwork
        io.l5d.k8s.localnode: hostNetwork
        io.l5d.localhost:
        io.l5d.specificHost: host
        io.l5d.port: port
        io.l5d.replace: path
        io.l5d.const: path
    """),
    "balancer": _table("""
        p2c: maxEffort
        ewma: decayTimeMs maxEffort
        aperture: smoothWindowMs lowLoad highLoad minAperture maxEffort
        heap:
        roundRobin: maxEffort
    """),
    "accrual": _table("""
        io.l5d.consecutiveFailures: failures backoff
        io.l5d.successRate: successRate requests backoff
        io.l5d.successRateWindowed: successRate window backoff
        none:
    """),
    "backoff": _table("""
        constant: ms
        jittered: minMs maxMs
    """),
    "classifier": _table(f"""
        io.l5d.http.nonRetryable5XX:
        io.l5d.http.retryableRead5XX:
        io.l5d.http.retryableIdempotent5XX:
        io.l5d.http.retryableAll5XX:
        io.l5d.http.allSuccessful:
        io.l5d.h2.nonRetryable5XX:
        io.l5d.h2.retryableRead5XX:
        io.l5d.h2.retryableIdempotent5XX:
        io.l5d.h2.retryableAll5XX:
        io.l5d.h2.allSuccessful:
        io.l5d.h2.grpc.default: {_H2_GRPC}
        io.l5d.h2.grpc.compliant: {_H2_GRPC}
        io.l5d.h2.grpc.alwaysRetryable: {_H2_GRPC}
        io.l5d.h2.grpc.neverRetryable: {_H2_GRPC}
        io.l5d.h2.grpc.retryableStatusCodes: {_H2_GRPC} retryableStatusCodes
    """),
    "telemeter": _table("""
        io.l5d.prometheus: path prefix
        io.l5d.influxdb:
        io.l5d.statsd: prefix hostname port gaugeIntervalMs sampleRate
        io.l5d.tracelog: sampleRate level
        io.l5d.recentRequests: sampleRate capacity
        io.l5d.zipkin: host port sampleRate
    """),
}
"""By role and kind: the keys of that kind."""

ROLE_KEYS: dict[str, frozenset[str]] = {
    "namer": frozenset({"prefix", "transformers"}),
    "interpreter": frozenset({"transformers"}),
    "transformer": frozenset({"prefix"}),
    "balancer": frozenset({"enableProbation"}),
}
"""By role: the keys that all its kinds have beside their own, and `experimental`."""

_ROUTER = (
    "protocol servers label dtab dstPrefix identifier interpreter bindingTimeoutMs bindingCache originator"
    " announcers client service experimental"
)

SECTIONS = _table(f"""
    config: admin routers namers telemetry usage
    admin: ip port socketOptions httpIdentifierPort shutdownGraceMs tls workerThreads security
    security: uiEnabled controlEnabled diagnosticsEnabled pathWhitelist pathBlacklist
    router: {_ROUTER} httpAccessLog httpAccessLogRollPolicy httpAccessLogAppend httpAccessLogRotateCount\
 streamAfterContentLengthKB maxHeadersKB maxInitialLineKB maxErrResponseKB streamingEnabled compressionLevel\
 tracePropagator h2AccessLog h2AccessLogRollPolicy h2AccessLogAppend h2AccessLogRotateCount\
 thriftMethodInDst thriftProtocol
    bindingCache: paths trees bounds clients idleTtlSecs
    server: port ip socketOptions tls maxConcurrentRequests announce timeoutMs clearContext serverSession label\
 addForwardedHeader timestampHeader maxCallDepth windowUpdateRatio headerTableBytes initialStreamWindowBytes\
 maxConcurrentStreamsPerConnection maxFrameBytes maxHeaderListBytes thriftFramed
    serverTls: certPath keyPath intermediateCertsPath caCertPath requireClientAuth ciphers protocols
    clientTls: enabled disableValidation commonName trustCerts trustCertsBundle clientAuth protocols
    clientAuth: certPath intermediateCertsPath keyPath
    addForwardedHeader: by for
    session: idleTimeMs lifeTimeMs
    service: retries totalTimeoutMs responseClassifier classificationTimeoutMs retryBufferSize
    client: tls loadBalancer hostConnectionPool failFast failureAccrual requestAttemptTimeoutMs\
 requeueBudget clientSession socketOptions requestAuthorizers forwardClientCert windowUpdateRatio\
 headerTableBytes initialStreamWindowBytes maxFrameBytes maxHeaderListBytes thriftFramed attemptTTwitterUpgrade
    retries: budget backoff
    retryBufferSize: requestBytes responseBytes
    budget: ttlSecs minRetriesPerSec percentCanRetry
    pool: minSize maxSize idleTimeMs maxWaiters
    socketOptions: noDelay reuseAddr reusePort readTimeoutMs writeTimeoutMs keepAlive backlog
""")
"""By `Model.section`: Linkerd's keys there, for every protocol."""

REMOVED: dict[str, dict[str, str]] = {
    "router": {
        "maxChunkKB": "was removed in Linkerd 1.6.0; bodies stream with bounded buffers, take the key out",
        "maxRequestKB": "was removed in Linkerd 1.7.0; bodies stream and have no limit, take the key out",
        "maxResponseKB": "was removed in Linkerd 1.7.0; bodies stream and have no limit, take the key out",
        "engine": "was removed in Linkerd 1.3.0; there is one engine, take the key out",
        "tracers": "was removed in Linkerd 0.9; use the top-level `telemetry`",
        "baseDtab": "was renamed in Linkerd 0.9; use `dtab`",
        "timeoutMs": "was removed in Linkerd 1.0; use `service.totalTimeoutMs` or `client.requestAttemptTimeoutMs`",
        "httpUriInDst": "was moved in Linkerd; it is a key of the identifier io.l5d.methodAndHost",
        "failFast": "is a key of `client`",
        "responseClassifier": "was moved in Linkerd 1.0; it is a key of `service`",
        "retries": "was moved in Linkerd 1.0; it is a key of `service`",
        "loadBalancer": "was moved in Linkerd 1.0; it is a key of `client`",
    },
    "server": {
        "maxHeaderListByts": "is a slip of Linkerd's documentation; use `maxHeaderListBytes`",
    },
    "client": {
        "loggers": "was renamed in Linkerd 1.4.0 to `requestAuthorizers`, which is "
        "known to Linkerd, not supported by noderouter yet",
        "retries": "was moved in Linkerd 1.0; it is a key of `service`",
    },
    "config": {
        "baseDtab": "was removed in Linkerd 0.9; use `dtab` of a router",
    },
}
"""By section: keys of older Linkerds, and what to do about each."""


def keys_of(section: str, role: str, kind: str) -> frozenset[str]:
    """Return every key that Linkerd has in a section, or in a kind of a role."""
    if section:
        return SECTIONS.get(section, frozenset())
    kinds = KINDS.get(role, {})
    return kinds[kind] | ROLE_KEYS.get(role, frozenset()) | {"experimental"} if kind in kinds else frozenset()

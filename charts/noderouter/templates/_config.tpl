{{/* The static configuration of the router, config.yaml. A change of it replaces the pods. */}}

{{/* What the drain gets of the pod's grace period, in ms. */}}
{{- define "noderouter.shutdownGraceMs" -}}
{{- $seconds := sub .Values.terminationGracePeriodSeconds (add (include "noderouter.preStopSeconds" .) .Values.drainMarginSeconds) -}}
{{- if lt $seconds 1 -}}
{{- fail (printf "terminationGracePeriodSeconds (%v) must be greater than preStopSeconds (%v) and drainMarginSeconds (%v) together" .Values.terminationGracePeriodSeconds .Values.preStopSeconds .Values.drainMarginSeconds) -}}
{{- end -}}
{{- mul $seconds 1000 -}}
{{- end -}}

{{/* Seconds of the preStop hook; 0 where there is none. The `sleep` action is on by default from Kubernetes 1.30 on. */}}
{{- define "noderouter.preStopSeconds" -}}
{{- if or .Values.lifecycle (semverCompare "<1.30.0-0" .Capabilities.KubeVersion.Version) -}}0
{{- else -}}{{ .Values.preStopSeconds }}
{{- end -}}
{{- end -}}

{{/* Names under which the ports of the admin interface are asked: those of the headless Service, and the user's. */}}
{{- define "noderouter.adminHosts" -}}
{{- $hosts := list -}}
{{- if .Values.metrics.service.create -}}
{{- $name := printf "%s-metrics.%s" (include "noderouter.fullname" .) (include "noderouter.namespace" .) -}}
{{- /* The router knows the domain of the cluster, and what the second of these is with it. */ -}}
{{- $hosts = list $name (printf "%s.svc" $name) -}}
{{- end -}}
{{- concat $hosts .Values.admin.hosts | uniq | toYaml -}}
{{- end -}}

{{- define "noderouter.adminTokenFolder" -}}/run/secrets/noderouter-admin{{- end -}}

{{/* The Secret with the token of the admin interface. */}}
{{- define "noderouter.adminSecret" -}}
{{- .Values.admin.token.existingSecret | default (printf "%s-admin" (include "noderouter.fullname" .)) -}}
{{- end -}}

{{- define "noderouter.adminTlsFolder" -}}/run/secrets/noderouter-admin-tls{{- end -}}

{{/* Whether the admin port speaks TLS: "https" or "http". */}}
{{- define "noderouter.adminScheme" -}}
{{- ternary "https" "http" (ne .Values.admin.tls.secretName "") -}}
{{- end -}}

{{/* Of a server: while a router takes another's place, both listen. */}}
{{- define "noderouter.sharing" -}}
{{- if include "noderouter.sharesPorts" . }}
socketOptions: {reusePort: true}
{{- end }}
{{- end -}}

{{- define "noderouter.config" -}}
admin:
  ip: {{ .Values.admin.ip | quote }}
  port: {{ .Values.ports.admin.port }}
  shutdownGraceMs: {{ include "noderouter.shutdownGraceMs" . }}
  security: {{- toYaml .Values.admin.security | nindent 4 }}
  {{- if .Values.admin.token.enabled }}
  token: {file: {{ include "noderouter.adminTokenFolder" . }}/token}
  {{- end }}
  {{- if .Values.admin.tls.secretName }}
  tls:
    certPath: {{ include "noderouter.adminTlsFolder" . }}/tls.crt
    keyPath: {{ include "noderouter.adminTlsFolder" . }}/tls.key
    {{- if .Values.admin.tls.clientCa.secretName }}
    caCertPath: {{ include "noderouter.adminTlsFolder" . }}/clients.crt
    requireClientAuth: true
    {{- end }}
  {{- end }}
  hosts: {{- include "noderouter.adminHosts" . | nindent 4 }}
  maxConnections: {{ .Values.admin.maxConnections }}
  {{- if .Values.metrics.service.create }}
  # The routers of all nodes: what `?nodes=all` of any of them asks.
  peers:
    namespace: {{ include "noderouter.namespace" . }}
    service: {{ include "noderouter.fullname" . }}-metrics
    port: probes
  {{- end }}
  # For the kubelet and Prometheus; the interface itself is for who can reach it at `ip`.
  probes:
    ip: {{ .Values.listenIp | quote }}
    port: {{ .Values.ports.probes.port }}
    {{- if include "noderouter.sharesPorts" . }}
    socket: {{ include "noderouter.runFolder" . }}/probes.sock
    {{- end }}
  {{- include "noderouter.sharing" . | nindent 2 }}
{{- with .Values.clusterDomain }}
clusterDomain: {{ . | quote }}
{{- end }}
namers:
{{ include "noderouter.namers" . }}
{{- with .Values.namers }}
{{ toYaml . }}
{{- end }}
{{- with include "noderouter.telemeters" . | fromYamlArray }}
telemetry:
{{ toYaml . }}
{{- end }}
{{- if .Values.intercept.enabled }}
{{ include "noderouter.interceptConfig" . }}
{{- end }}
{{- if .Values.policy.enabled }}
# Who may reach what.
policy:
  kind: io.noderouter.configMap
  namespace: {{ include "noderouter.namespace" . }}
  name: {{ include "noderouter.policyName" . }}
  lastGood: {{ include "noderouter.policyLastGoodName" . }}
{{- end }}
routers:
{{- if .Values.routers }}
{{ toYaml .Values.routers }}
{{- else }}
{{- if .Values.outgoing.enabled }}
{{ include "noderouter.capturing" (list . (include "noderouter.overlaid" (list (include "noderouter.seen" (list . "outgoing") | fromYaml) .Values.outgoing.router))) }}
{{- end }}
{{- if .Values.incoming.enabled }}
{{ include "noderouter.overlaid" (list (include "noderouter.seen" (list . "incoming") | fromYaml) .Values.incoming.router) }}
{{- end }}
{{- range $name := list "h2" "grpc" }}
{{- $values := get $.Values $name }}
{{- if $values.enabled }}
{{ include "noderouter.overlaid" (list (include "noderouter.seen" (list $ $name) | fromYaml) $values.router) }}
{{- end }}
{{- end }}
{{- end }}
{{ end -}}

{{/* A router of the chart, with its traces and its access log. Takes a list: the root, the router's name. */}}
{{- define "noderouter.seen" -}}
{{- include (printf "noderouter.%s" (index . 1)) (index . 0) }}
{{- include "noderouter.visible" . }}
{{- end -}}

{{/*
A router of the chart with the user's keys over it, as a list of one. Objects are merged, but one of another kind takes
the place of the chart's: the keys of one interpreter mean nothing to another.
*/}}
{{- define "noderouter.overlaid" -}}
{{- $router := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- $old := get $router $key -}}
{{- if and (kindIs "map" $old) (kindIs "map" $value) -}}
{{- if or (not (hasKey $value "kind")) (eq (get $value "kind") (get $old "kind")) -}}
{{- $value = mergeOverwrite $old $value -}}
{{- end -}}
{{- end -}}
{{- $_ := set $router $key $value -}}
{{- end -}}
{{- list $router | toYaml -}}
{{- end -}}

{{/* The outgoing router, with the server for captured connections beside whatever servers it has. Takes a list: the root, the router. */}}
{{- define "noderouter.capturing" -}}
{{- $root := index . 0 -}}
{{- $router := index . 1 | fromYamlArray | first -}}
{{- if $root.Values.intercept.enabled -}}
{{- $server := mergeOverwrite (include "noderouter.captureServer" $root | fromYaml) (deepCopy $root.Values.intercept.server) -}}
{{- $_ := set $router "servers" (append $router.servers $server) -}}
{{- end -}}
{{- list $router | toYaml -}}
{{- end -}}

{{- define "noderouter.namers" -}}
{{- $toIncoming := and .Values.incoming.enabled (not .Values.routers) -}}
{{- $byNode := eq .Values.incoming.matchNodesBy "nodeName" -}}
# Pods, reached through the router of their node where there is one.
- kind: io.l5d.k8s
  prefix: /io.l5d.k8s
{{- if $toIncoming }}
  transformers:
  - kind: io.l5d.k8s.daemonset
    namespace: {{ include "noderouter.namespace" . }}
    service: {{ include "noderouter.fullname" . }}
    port: incoming
    hostNetwork: {{ $byNode }}
    # While the router of a pod's node is away, and for what is on no node: pods are not lost with their router.
    orDirect: true
{{- end }}
# Pods, reached directly. For addresses on no node: Services without selector, ExternalName.
- kind: io.l5d.k8s
  prefix: /io.l5d.k8s.direct
{{- if $toIncoming }}
# Pods of this node: what the incoming router may reach.
- kind: io.l5d.k8s
  prefix: /io.l5d.k8s.local
  transformers:
  - kind: io.l5d.k8s.localnode
    hostNetwork: {{ $byNode }}
{{- end }}
# Hosts in any spelling have one name, /service/<namespace>/<service>; that has ports.
- kind: io.l5d.k8s.host
- kind: io.l5d.k8s.service
# Shapes of names in tables of earlier versions. Of several namers with one prefix the last is asked first.
- kind: io.l5d.rewrite
  prefix: /portNsSvcToK8s
  pattern: "/{port}/{ns}/{svc}"
  name: "/k8s/{ns}/{port}/{svc}"
# One pod of a Service: db-0.db.prod is /portNsSvc/http/prod/db/db-0, and never another pod.
- kind: io.l5d.rewrite
  prefix: /portNsSvcToK8s
  pattern: "/{port}/{ns}/{svc}/{pod}"
  name: "/k8s/{ns}/{port}/{pod}.{svc}"
# Of which namespace the client is, behind a host without a dot, says nothing there.
- kind: io.l5d.rewrite
  prefix: /portNsSvcToK8s
  pattern: "/{port}/{ns}/{svc}/in:{client}"
  name: "/k8s/{ns}/{port}/{svc}"
- kind: io.l5d.rewrite
  prefix: /portHostToK8s
  pattern: "/{port}/{svc}"
  name: "/k8s/default/{port}/{svc}"
- kind: io.l5d.rewrite
  prefix: /portHostToK8s
  pattern: "/{port}/{svc}.{ns}"
  name: "/k8s/{ns}/{port}/{svc}"
- kind: io.l5d.rewrite
  prefix: /portHostToK8s
  pattern: "/{port}/{svc}.{ns}.svc"
  name: "/k8s/{ns}/{port}/{svc}"
- kind: io.l5d.rewrite
  prefix: /portHostToK8s
  pattern: "/{port}/{svc}.{ns}.svc.cluster.local"
  name: "/k8s/{ns}/{port}/{svc}"
{{- end -}}

{{- define "noderouter.outgoing" -}}
label: outgoing
protocol: http
servers:
- ip: {{ .Values.listenIp | quote }}
  port: {{ .Values.ports.outgoing.port }}
  {{- include "noderouter.sharing" . | nindent 2 }}
{{- include "noderouter.byHost" . }}
interpreter: {{- include "noderouter.stored" (list . .Values.outgoing.router) | nindent 2 }}
service:
  # Responses of 500 and above to GET, HEAD, OPTIONS and TRACE are tried again, within the retry budget.
  responseClassifier:
    kind: io.l5d.http.retryableRead5XX
{{- end -}}

{{/* HTTP/2 of the node's pods, by the same table and under the same names. Without another word its default, `:authority`, counts. */}}
{{- define "noderouter.h2" -}}
label: h2
protocol: h2
servers:
- ip: {{ .Values.listenIp | quote }}
  port: {{ .Values.ports.h2.port }}
  {{- include "noderouter.sharing" . | nindent 2 }}
{{- include "noderouter.byHost" . }}
interpreter: {{- include "noderouter.stored" (list . .Values.h2.router) | nindent 2 }}
service:
  responseClassifier:
    kind: io.l5d.h2.retryableRead5XX
{{- end -}}

{{/* Calls of gRPC, by what is called. Their names have a beginning of their own: a service of gRPC looks like a host. */}}
{{- define "noderouter.grpc" -}}
label: grpc
protocol: h2
servers:
- ip: {{ .Values.listenIp | quote }}
  port: {{ .Values.ports.grpc.port }}
  {{- include "noderouter.sharing" . | nindent 2 }}
dstPrefix: /grpc
identifier:
- kind: io.l5d.header.path
  segments: 1
interpreter: {{- include "noderouter.stored" (list . .Values.grpc.router) | nindent 2 }}
service:
  # Calls are judged by their status. Which of them may be made twice only who wrote them knows.
  responseClassifier:
    kind: io.l5d.h2.grpc.neverRetryable
{{- end -}}

{{/* How a router that goes by hosts names requests. */}}
{{- define "noderouter.byHost" -}}
{{- if .Values.intercept.enabled }}
# A host without a dot is a Service of the namespace that the client is in, where that is a pod of this node.
identifier:
- kind: io.l5d.k8s.host
{{- end }}
{{- end -}}

{{/* The interpreter of a router that goes by the dtab of the ConfigMap. Takes a list: the root, the user's keys of the router. */}}
{{- define "noderouter.stored" -}}
{{- $root := index . 0 -}}
kind: io.l5d.k8s.configMap
namespace: {{ include "noderouter.namespace" $root }}
name: {{ include "noderouter.dtabName" $root }}
filename: {{ $root.Values.dtabConfigMap.key }}
{{- /* Where the dtab is elsewhere, there is none, and no right to it. */}}
{{- $own := default dict (index . 1).interpreter }}
{{- if not (or $own.name $own.namespace) }}
lastGood: {{ include "noderouter.lastGoodName" $root }}
{{- end }}
{{- end -}}

{{/*
The incoming router must not decide anew what the outgoing one has decided: with a canary in the dtab it would draw
another lot, and look on this node for pods that are elsewhere. So it goes by what the outgoing router writes on each
request, the name of its client; and by the host only where a request came without.
*/}}
{{- define "noderouter.incoming" -}}
{{- $client := printf "/%%/io.l5d.k8s.daemonset/%s/incoming/%s/#/io.l5d.k8s" (include "noderouter.namespace" .) (include "noderouter.fullname" .) -}}
label: incoming
protocol: http
servers:
- ip: {{ .Values.listenIp | quote }}
  port: {{ .Values.ports.incoming.port }}
  {{- include "noderouter.sharing" . | nindent 2 }}
  # Other routers ask for tunnels to this node's pods. Who asks cannot be told, so tunnels lead to pods and nowhere else.
  allowConnect: endpoints
  # They speak HTTP/2 for requests that came in HTTP/2, captured ones among them.
  http2: {}
{{- range $name, $port := dict "h2" .Values.ports.h2Incoming "grpc" .Values.ports.grpcIncoming }}
{{- if (get $.Values $name).enabled }}
- ip: {{ $.Values.listenIp | quote }}
  port: {{ $port.port }}
  http2: {}
  {{- include "noderouter.sharing" $ | nindent 2 }}
{{- end }}
{{- end }}
dstPrefix: /incoming
identifier:
- kind: io.l5d.header
  header: l5d-dst-client
- kind: io.l5d.header.token
dtab: |
  /k8s       => /#/io.l5d.k8s.local ;
  /service   => /#/io.l5d.k8s.service ;
  /host      => /#/io.l5d.k8s.host ;
  /incoming  => /$/io.buoyant.http.domainToPathPfx/host ;
  /incoming{{ $client }} => /#/io.l5d.k8s.local ;
{{- end -}}

{{/* Combinations of values that cannot work, refused with the reason. The schema has what can be said of single values. */}}
{{- define "noderouter.check" -}}
{{- $own := gt (len .Values.routers) 0 -}}
{{- if and (not $own) (not (or .Values.outgoing.enabled .Values.incoming.enabled .Values.h2.enabled .Values.grpc.enabled)) -}}
{{- fail "there is no router: enable `outgoing` or `incoming`, or list `routers`" -}}
{{- end -}}
{{- if and $own (or .Values.outgoing.router .Values.incoming.router .Values.h2.router .Values.grpc.router) -}}
{{- fail "`routers` takes the place of `outgoing` and `incoming`, so their `router` has no effect: take it out" -}}
{{- end -}}
{{- range $name := list "h2" "grpc" -}}
{{- if and $own (get $.Values $name).enabled -}}
{{- fail (printf "`routers` takes the place of the chart's: have a router of protocol h2 among them in place of %s.enabled" $name) -}}
{{- end -}}
{{- end -}}
{{- if and (not $own) .Values.incoming.enabled (not .Values.service.create) -}}
{{- fail "`incoming` is found through the Service: set service.create, or switch `incoming` off" -}}
{{- end -}}
{{- if and (eq (include "noderouter.via" .) "service") (not $own) (not .Values.service.create) -}}
{{- fail "outgoing.via is `service`, and service.create is false: pods would reach no router" -}}
{{- end -}}
{{- with .Values.updateStrategy.rollingUpdate -}}
{{- $surge := toString (default 0 .maxSurge) -}}
{{- if and (not (has $surge (list "0" "0%"))) (not (include "noderouter.surges" $)) -}}
{{- fail (printf "updateStrategy.rollingUpdate.maxSurge is %s, and a node cannot have two routers: %s" $surge (ternary "let every server of `routers` have `socketOptions: {reusePort: true}`" "take out the host ports, or set outgoing.via to `service` or `node`" (eq (include "noderouter.hostNetwork" $) "true"))) -}}
{{- end -}}
{{- end -}}
{{- if eq (int .Values.ports.admin.port) (int .Values.ports.probes.port) -}}
{{- fail (printf "ports.admin and ports.probes are both %d: probes have a port of their own, since it shows less" (int .Values.ports.probes.port)) -}}
{{- end -}}
{{- if and .Values.admin.tls.clientCa.secretName (not .Values.admin.tls.secretName) -}}
{{- fail "admin.tls.clientCa has no effect without admin.tls.secretName: clients show certificates in TLS only" -}}
{{- end -}}
{{- if include "noderouter.adminIsLocal" . -}}
{{- if and .Values.ports.admin.hostPort (not (include "noderouter.hostNetwork" .)) -}}
{{- fail (printf "ports.admin.hostPort leads to nobody while admin.ip is %s: take it out (kubectl port-forward reaches the interface), or open admin.ip" .Values.admin.ip) -}}
{{- end -}}
{{- if .Values.networkPolicy.adminFrom -}}
{{- fail (printf "networkPolicy.adminFrom has no effect while admin.ip is %s: Prometheus scrapes the port for probes, which networkPolicy.probesFrom is for" .Values.admin.ip) -}}
{{- end -}}
{{- end -}}
{{- if and (include "noderouter.isLocal" .Values.listenIp) (not (include "noderouter.hostNetwork" .)) -}}
{{- fail (printf "listenIp %s is reached by nobody outside of the pod, nor by the kubelet's probes: use 0.0.0.0 or ::" .Values.listenIp) -}}
{{- end -}}
{{- if and (include "noderouter.isLocal" .Values.listenIp) (or .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled) -}}
{{- fail (printf "listenIp %s is not reached by Prometheus: switch the monitors off, or use 0.0.0.0" .Values.listenIp) -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.service.create) -}}
{{- fail "metrics.serviceMonitor scrapes through the headless Service: set metrics.service.create, or use metrics.podMonitor" -}}
{{- end -}}
{{- $scraped := list -}}
{{- range list .Values.metrics.serviceMonitor .Values.metrics.podMonitor -}}
{{- if .enabled -}}{{- $scraped = append $scraped .path -}}{{- end -}}
{{- end -}}
{{- if and $scraped (not (has "/metrics" $scraped)) (or .Values.metrics.prometheusRule.enabled .Values.grafana.dashboards.enabled) -}}
{{- fail "alerts and dashboards are on what `/metrics` has, and the monitors scrape another path: set it to /metrics (both may be scraped, one by each monitor), or switch alerts and dashboards off" -}}
{{- end -}}
{{- if .Values.intercept.enabled -}}{{- include "noderouter.checkIntercept" . -}}{{- end -}}
{{- include "noderouter.checkVisibility" . -}}
{{- include "noderouter.checkLetGo" . -}}
{{- end -}}

{{/* Whether an address is loopback: "true" or nothing. */}}
{{- define "noderouter.isLocal" -}}
{{- if or (hasPrefix "127." .) (eq . "::1") (eq . "localhost") -}}true{{- end -}}
{{- end -}}

{{/* Whether nobody outside of the pod reaches the admin interface: "true" or nothing. */}}
{{- define "noderouter.adminIsLocal" -}}
{{- include "noderouter.isLocal" .Values.admin.ip -}}
{{- end -}}

{{/* What capturing needs of other values. */}}
{{- define "noderouter.checkIntercept" -}}
{{- $port := int .Values.intercept.port -}}
{{- $capturing := list -}}
{{- range .Values.routers -}}{{- range .servers -}}
{{- if hasKey . "capture" -}}{{- $capturing = append $capturing (int (default 0 .port)) -}}{{- end -}}
{{- end -}}{{- end -}}
{{- if .Values.routers -}}
{{- if not (has $port $capturing) -}}
{{- fail (printf "intercept gives connections to port %d: one server of `routers` needs that port and `capture` (docs/interception.md)" $port) -}}
{{- end -}}
{{- else if not .Values.outgoing.enabled -}}
{{- fail "intercept gives connections to the outgoing router: enable `outgoing`, or list `routers` with a server that has `capture`" -}}
{{- end -}}
{{- if .Values.rbac.namespaces -}}
{{- fail "intercept has to know the pods, namespaces and services of the whole cluster: leave rbac.namespaces empty, and take namespaces out with a label or intercept.excludeNamespaces" -}}
{{- end -}}
{{- if and .Values.incoming.enabled (not .Values.routers) (eq .Values.incoming.matchNodesBy "subnet") -}}
{{- fail "with intercept the routers have the addresses of their nodes, which are in no subnet of pods: set incoming.matchNodesBy to nodeName" -}}
{{- end -}}
{{- range include "noderouter.allPorts" . | fromYamlArray -}}
{{- if and (eq (int .port) $port) (not (has $port $capturing)) -}}
{{- fail (printf "intercept.port is %d, and so is the port `%s`" $port .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Rules that refuse connections where there is no router outlive the keeper, so that a restart opens nothing. Nobody would
take them away if the keeper did not come back, or came back with another packet filter.
*/}}
{{- define "noderouter.checkLetGo" -}}
{{- $there := lookup "apps/v1" "DaemonSet" (include "noderouter.namespace" .) (include "noderouter.fullname" .) -}}
{{- $closed := get (default dict (get (default dict (get $there "metadata")) "annotations")) "noderouter.io/intercept-closed" -}}
{{- if and $closed (or (not .Values.intercept.enabled) (ne .Values.intercept.mode $closed)) -}}
{{- fail (printf "intercept.failureMode is `closed` now (mode %s): its rules would stay on the nodes, and refuse connections for good. Change failureMode to `open` first, with nothing else; when that is rolled out, change this" $closed) -}}
{{- end -}}
{{- end -}}

{{/* Combinations of values that cannot work, refused with the reason. The schema has what can be said of single values. */}}
{{- define "noderouter.check" -}}
{{- $own := gt (len .Values.routers) 0 -}}
{{- if and (not $own) (not .Values.outgoing.enabled) (not .Values.incoming.enabled) -}}
{{- fail "there is no router: enable `outgoing` or `incoming`, or list `routers`" -}}
{{- end -}}
{{- if and $own (or .Values.outgoing.router .Values.incoming.router) -}}
{{- fail "`routers` takes the place of `outgoing` and `incoming`, so their `router` has no effect: take it out" -}}
{{- end -}}
{{- if and (not $own) .Values.incoming.enabled (not .Values.service.create) -}}
{{- fail "`incoming` is found through the Service: set service.create, or switch `incoming` off" -}}
{{- end -}}
{{- if and (eq (include "noderouter.adminIsLocal" .) "true") (not .Values.hostNetwork) -}}
{{- fail (printf "admin.ip %s is not reached by the kubelet's probes: use 0.0.0.0 (or hostNetwork, where loopback is the node's)" .Values.admin.ip) -}}
{{- end -}}
{{- if and (eq (include "noderouter.adminIsLocal" .) "true") (or .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled) -}}
{{- fail (printf "admin.ip %s is not reached by Prometheus: switch the monitors off, or use 0.0.0.0" .Values.admin.ip) -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.service.create) -}}
{{- fail "metrics.serviceMonitor scrapes through the headless Service: set metrics.service.create, or use metrics.podMonitor" -}}
{{- end -}}
{{- end -}}

{{- define "noderouter.adminIsLocal" -}}
{{- or (hasPrefix "127." .Values.admin.ip) (eq .Values.admin.ip "::1") (eq .Values.admin.ip "localhost") -}}
{{- end -}}

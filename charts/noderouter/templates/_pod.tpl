{{/* Parts of the pod. */}}

{{/*
How pods reach the outgoing router, and so how routers are replaced: "service", "node" or "hostPort". Whoever is in the
node's network is reached by the node.
*/}}
{{- define "noderouter.via" -}}
{{- if or .Values.hostNetwork .Values.intercept.enabled -}}node{{- else -}}{{ .Values.outgoing.via }}{{- end -}}
{{- end -}}

{{/* Whether two routers of a node can serve at a time, the next one beside the last: "true" or nothing. */}}
{{- define "noderouter.surges" -}}
{{- $ports := list -}}
{{- range include "noderouter.allPorts" . | fromYamlArray -}}
{{- if .hostPort -}}{{- $ports = append $ports .hostPort -}}{{- end -}}
{{- end -}}
{{- if include "noderouter.hostNetwork" . -}}
{{- $shared := true -}}
{{- /* The chart's own servers share their ports; so must those that are listed in their place. */ -}}
{{- range concat .Values.routers (list .Values.outgoing.router .Values.incoming.router .Values.h2.router .Values.grpc.router) -}}{{- range .servers -}}
{{- if not (dig "socketOptions" "reusePort" false .) -}}{{- $shared = false -}}{{- end -}}
{{- end -}}{{- end -}}
{{- if not (dig "socketOptions" "reusePort" true .Values.intercept.server) -}}{{- $shared = false -}}{{- end -}}
{{- if $shared -}}true{{- end -}}
{{- else if not $ports -}}true{{- end -}}
{{- end -}}

{{/* Whether they share the ports of the node: "true" or nothing. Then none are declared: Kubernetes would make them host ports. */}}
{{- define "noderouter.sharesPorts" -}}
{{- if and (include "noderouter.hostNetwork" .) (include "noderouter.surges" .) -}}true{{- end -}}
{{- end -}}

{{- define "noderouter.updateStrategy" -}}
{{- if .Values.updateStrategy -}}
{{- toYaml .Values.updateStrategy -}}
{{- else -}}
type: RollingUpdate
rollingUpdate:
{{- if include "noderouter.surges" . }}
  maxSurge: 1
  maxUnavailable: 0
{{- else }}
  maxUnavailable: 1
{{- end }}
{{- end -}}
{{- end -}}

{{/* A folder of the pod: where router, keeper and probes meet. */}}
{{- define "noderouter.runFolder" -}}/run/noderouter{{- end -}}
{{- define "noderouter.runVolume" -}}
{{- if or .Values.intercept.enabled (include "noderouter.sharesPorts" .) -}}true{{- end -}}
{{- end -}}

{{/* Which port of the pod a Service leads to. Takes a list: the root, the port. */}}
{{- define "noderouter.targetPort" -}}
{{- $port := index . 1 -}}
{{- if include "noderouter.sharesPorts" (index . 0) -}}{{ $port.port }}{{- else -}}{{ $port.name }}{{- end -}}
{{- end -}}

{{/* The ports of routers, as a list of name, port, hostPort, and of what speaks nothing but HTTP/2, appProtocol. */}}
{{- define "noderouter.ports" -}}
{{- $ports := list -}}
{{- if not .Values.routers -}}
{{- range $name := list "outgoing" "incoming" -}}
{{- if (get $.Values $name).enabled -}}
{{- $port := merge (dict "name" $name) (get $.Values.ports $name) -}}
{{- if and (eq $name "outgoing") (eq (include "noderouter.via" $) "service") -}}{{- $_ := set $port "hostPort" nil -}}{{- end -}}
{{- $ports = append $ports $port -}}
{{- end -}}
{{- end -}}
{{- range $name := list "h2" "grpc" -}}
{{- if (get $.Values $name).enabled -}}
{{- $port := merge (dict "name" $name "appProtocol" "kubernetes.io/h2c") (get $.Values.ports $name) -}}
{{- if eq (include "noderouter.via" $) "service" -}}{{- $_ := set $port "hostPort" nil -}}{{- end -}}
{{- $ports = append $ports $port -}}
{{- if $.Values.incoming.enabled -}}
{{- $ports = append $ports (merge (dict "name" (printf "%s-incoming" $name)) (get $.Values.ports (printf "%sIncoming" $name))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml (concat $ports .Values.ports.extra) -}}
{{- end -}}

{{/* The same with those of the admin interface. */}}
{{- define "noderouter.allPorts" -}}
{{- $ports := include "noderouter.ports" . | fromYamlArray -}}
{{- range $name := list "admin" "probes" -}}
{{- $ports = append $ports (merge (dict "name" $name) (get $.Values.ports $name)) -}}
{{- end -}}
{{- toYaml $ports -}}
{{- end -}}

{{/* One port of the container. With hostNetwork the API makes the host port the same by itself. */}}
{{- define "noderouter.containerPort" -}}
{{- $port := index . 1 -}}
- name: {{ $port.name }}
  containerPort: {{ $port.port }}
{{- if and $port.hostPort (not (include "noderouter.hostNetwork" (index . 0))) }}
  hostPort: {{ $port.hostPort }}
{{- end }}
  protocol: TCP
{{- end -}}

{{/* What of the pod the Pod Security Standards allow at no level but "privileged"; nothing where they allow all of it. */}}
{{- define "noderouter.beyondBaseline" -}}
{{- if .Values.intercept.enabled -}}interception
{{- else if include "noderouter.hostNetwork" . -}}hostNetwork
{{- else -}}
{{- $found := list -}}
{{- range include "noderouter.allPorts" . | fromYamlArray -}}
{{- if .hostPort -}}{{- $found = append $found (toString .hostPort) -}}{{- end -}}
{{- end -}}
{{- with $found -}}host port{{ if gt (len .) 1 }}s{{ end }} {{ join ", " . }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* A probe. What listens on the node's loopback is reached there. Takes a list: the root, the probe. */}}
{{- define "noderouter.probe" -}}
{{- $probe := deepCopy (index . 1) -}}
{{- if and $probe.httpGet (include "noderouter.adminIsLocal" (index . 0)) (has (get (default dict $probe.httpGet) "port") (list "admin" (index . 0).Values.ports.admin.port)) -}}
{{- fail "the kubelet does not reach the port `admin`, which is on loopback: have the probe ask the port `probes`" -}}
{{- end -}}
{{- if and $probe.httpGet (eq (include "noderouter.adminScheme" (index . 0)) "https") (has (get (default dict $probe.httpGet) "port") (list "admin" (index . 0).Values.ports.admin.port)) -}}
{{- if (index . 0).Values.admin.tls.clientCa.secretName -}}
{{- fail "the kubelet shows no certificate at the port `admin`, which wants one (admin.tls.clientCa): have the probe ask the port `probes`" -}}
{{- end -}}
{{- $_ := set $probe.httpGet "scheme" "HTTPS" -}}
{{- end -}}
{{- if and (include "noderouter.isLocal" (index . 0).Values.listenIp) $probe.httpGet -}}
{{- $_ := set $probe.httpGet "host" (default "127.0.0.1" $probe.httpGet.host) -}}
{{- end -}}
{{- $ports := (index . 0).Values.ports -}}
{{- $own := list "probes" $ports.probes.port "admin" $ports.admin.port -}}
{{- if and $probe.httpGet (include "noderouter.sharesPorts" (index . 0)) (has (get (default dict $probe.httpGet) "port") $own) -}}
{{- /* Its address may be another router's for a while. */ -}}
{{- $socket := printf "%s/probes.sock" (include "noderouter.runFolder" .) -}}
{{- $_ := set $probe "exec" (dict "command" (list "python3" "-I" "-m" "noderouter.probe" $socket $probe.httpGet.path)) -}}
{{- $_ := unset $probe "httpGet" -}}
{{- end -}}
{{- toYaml $probe -}}
{{- end -}}

{{- define "noderouter.lifecycle" -}}
{{- if .Values.lifecycle -}}
{{- toYaml .Values.lifecycle -}}
{{- else if ne (include "noderouter.preStopSeconds" .) "0" -}}
preStop:
  sleep:
    seconds: {{ include "noderouter.preStopSeconds" . }}
{{- end -}}
{{- end -}}

{{/*
What the namers and transformers of the configuration read, and which addresses are the node's: no request is led there.
The downward API has all of them from Kubernetes 1.30 on.
*/}}
{{- define "noderouter.downwardEnv" -}}
{{- $fields := dict "NODE_NAME" "spec.nodeName" "POD_IP" "status.podIP" "POD_NAMESPACE" "metadata.namespace" }}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}
{{- $fields = set $fields "NODE_IPS" "status.hostIPs" }}
{{- else }}
{{- $fields = set $fields "NODE_IP" "status.hostIP" }}
{{- end }}
{{- if .Values.dtabConfigMap.annotatePods }}
{{- $fields = set $fields "POD_NAME" "metadata.name" }}{{/* has the router annotate its pod */}}
{{- end }}
{{- range $name, $field := $fields }}
- name: {{ $name }}
  valueFrom:
    fieldRef:
      fieldPath: {{ $field }}
{{- end }}
{{- end -}}

{{/* Which nodes get a pod, with which urgency, from where it is pulled. */}}
{{- define "noderouter.placement" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

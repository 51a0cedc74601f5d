{{/* Parts of the pod. */}}

{{/* The ports of routers, as a list of name, port, hostPort. */}}
{{- define "noderouter.ports" -}}
{{- $ports := list -}}
{{- if not .Values.routers -}}
{{- range $name := list "outgoing" "incoming" -}}
{{- if (get $.Values $name).enabled -}}
{{- $ports = append $ports (merge (dict "name" $name) (get $.Values.ports $name)) -}}
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
{{- if and (include "noderouter.isLocal" (index . 0).Values.listenIp) $probe.httpGet -}}
{{- $_ := set $probe.httpGet "host" (default "127.0.0.1" $probe.httpGet.host) -}}
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

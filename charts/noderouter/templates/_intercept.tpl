{{/* Capturing connections: the container that keeps the node's rules, and what the router needs for it. */}}

{{/* Whether the pod is in the node's network: "true" or nothing. */}}
{{- define "noderouter.hostNetwork" -}}
{{- if eq (include "noderouter.via" .) "node" -}}true{{- end -}}
{{- end -}}

{{/* The server of the outgoing router that captured connections come to. */}}
{{- define "noderouter.captureServer" -}}
ip: {{ .Values.listenIp | quote }}
port: {{ .Values.intercept.port }}
{{- include "noderouter.sharing" . }}
capture:
  identifier:
  - kind: io.l5d.originalDst
  hostMismatch: {{ .Values.intercept.hostMismatch }}
  detectTimeoutMs: {{ .Values.intercept.detectTimeoutMs }}
{{- end -}}

{{/* Where router and keeper meet: a folder of the pod, so that a router speaks to the keeper of its own pod. */}}
{{- define "noderouter.interceptSocket" -}}{{ include "noderouter.runFolder" . }}/intercept.sock{{- end -}}

{{/* What the router tells the keeper. */}}
{{- define "noderouter.interceptConfig" -}}
intercept:
  socket: {{ include "noderouter.interceptSocket" . }}
  selection: {{ .Values.intercept.selection }}
  {{- with .Values.intercept.opaquePorts }}
  opaquePorts: {{- toJson . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/*
Whether the keeper is a sidecar, which is started before the router and stopped after it: from Kubernetes 1.29 on. Before,
the two are stopped at once; then nothing is captured from that moment on.
*/}}
{{- define "noderouter.interceptIsSidecar" -}}
{{- if and .Values.intercept.enabled (semverCompare ">=1.29.0-0" .Capabilities.KubeVersion.Version) -}}true{{- end -}}
{{- end -}}

{{- define "noderouter.interceptContainer" -}}
name: intercept
image: {{ include "noderouter.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- if include "noderouter.interceptIsSidecar" . }}
restartPolicy: Always
{{- end }}
command: [noderouter, intercept, run]
args:
  - --mode={{ .Values.intercept.mode }}
  - --scope={{ .Values.intercept.scope }}
  - --failure-mode={{ .Values.intercept.failureMode }}
  - --capture-port={{ .Values.intercept.port }}
  - --socket={{ include "noderouter.interceptSocket" . }}
  - --lock={{ include "noderouter.interceptLock" . }}
  # Whom the router runs as: nobody else may tell what is captured.
  - --allow-uid={{ include "noderouter.user" . }}
  {{- range .Values.intercept.excludePorts }}
  - --exclude-port={{ . }}
  {{- end }}
  {{- range .Values.intercept.excludeCIDRs }}
  - --exclude-cidr={{ . }}
  {{- end }}
  {{- range .Values.intercept.excludeNamespaces }}
  - --exclude-namespace={{ . }}
  {{- end }}
  {{- with .Values.intercept.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  {{- include "noderouter.nodeAddresses" . | nindent 2 }}
resources: {{- toYaml .Values.intercept.resources | nindent 2 }}
securityContext: {{- include "noderouter.interceptSecurityContext" . | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - name: run
    mountPath: {{ include "noderouter.runFolder" . }}
  {{- include "noderouter.interceptMounts" . | nindent 2 }}
{{- end -}}

{{/*
Where captured connections are sent: the node's addresses, of both families only where the router listens at both. The
downward API has all of them from Kubernetes 1.30 on.
*/}}
{{- define "noderouter.nodeAddresses" -}}
{{- $all := and (contains ":" .Values.listenIp) (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) -}}
- name: {{ ternary "NODE_IPS" "NODE_IP" $all }}
  valueFrom:
    fieldRef:
      fieldPath: {{ ternary "status.hostIPs" "status.hostIP" $all }}
{{- end -}}

{{/* A folder of the node: keepers of different pods find each other there. */}}
{{- define "noderouter.interceptLock" -}}/run/noderouter-node/intercept.lock{{- end -}}

{{- define "noderouter.interceptMounts" -}}
- name: node
  mountPath: /run/noderouter-node
{{- if ne .Values.intercept.mode "nft" }}
- name: xtables-lock
  mountPath: /run/xtables.lock
{{- end }}
{{- end -}}

{{- define "noderouter.interceptVolumes" -}}
- name: node
  hostPath:
    path: /run/noderouter
    type: DirectoryOrCreate
{{- if ne .Values.intercept.mode "nft" }}
# Every user of iptables on this node waits for it.
- name: xtables-lock
  hostPath:
    path: /run/xtables.lock
    type: FileOrCreate
{{- end }}
{{- end -}}

{{/* nft is content with NET_ADMIN; iptables and ipset open a raw socket as well, even to look. */}}
{{- define "noderouter.interceptSecurityContext" -}}
{{- $capabilities := ternary (list "NET_ADMIN") (list "NET_ADMIN" "NET_RAW") (eq .Values.intercept.mode "nft") -}}
{{- $own := dict
  "runAsUser" 0
  "runAsGroup" 0
  "runAsNonRoot" false
  "allowPrivilegeEscalation" false
  "privileged" false
  "readOnlyRootFilesystem" true
  "capabilities" (dict "drop" (list "ALL") "add" $capabilities)
-}}
{{- mergeOverwrite $own (deepCopy .Values.intercept.securityContext) | toYaml -}}
{{- end -}}

{{/* Whom the router runs as. */}}
{{- define "noderouter.user" -}}
{{- $user := .Values.podSecurityContext.runAsUser -}}
{{- if hasKey .Values.securityContext "runAsUser" -}}{{- $user = .Values.securityContext.runAsUser -}}{{- end -}}
{{- if kindIs "invalid" $user -}}65532{{- else -}}{{- int64 $user -}}{{- end -}}
{{- end -}}

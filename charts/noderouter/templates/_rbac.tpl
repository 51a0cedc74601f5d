{{/*
All that the router may do, in two blocks. Nothing is read one by one, so there is no `get`. A feature that needs more
adds a rule to one of them, with its reason, a line to docs/chart.md, and a case to the test that takes each verb away.
*/}}

{{/* Where services are: in all namespaces, or in those that `rbac.namespaces` lists. */}}
{{- define "noderouter.discoveryRules" -}}
# Addresses of services, with the node of each.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
# Numbers of ports, ExternalName, addresses of load balancers.
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
{{- if .Values.intercept.enabled }}
# Whose connections are captured: the pods of the router's node, and what is said of their namespaces. RBAC knows no node
# to narrow it to.
- apiGroups: [""]
  resources: [pods, namespaces]
  verbs: [list, watch]
{{- else if .Values.policy.enabled }}
# Whom policies protect, and who asks: the pods of the router's node. RBAC knows no node to narrow it to.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- end }}
{{- end -}}

{{/* In the release's own namespace. */}}
{{- define "noderouter.ownRules" -}}
# The dtab, the last good one, and no other ConfigMap: a list or watch has to select it by its name.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "noderouter.dtabName" . }}, {{ include "noderouter.lastGoodName" . }}]
  verbs: [list, watch]
# Keeps the table that was valid last.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "noderouter.lastGoodName" . }}]
  verbs: [patch]
{{- if .Values.policy.enabled }}
# The same for policies.
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "noderouter.policyName" . }}, {{ include "noderouter.policyLastGoodName" . }}]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "noderouter.policyLastGoodName" . }}]
  verbs: [patch]
{{- end }}
# Says on the ConfigMap which line of an edit is wrong. Creating cannot be bound to a name.
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- if .Values.dtabConfigMap.annotatePods }}
# The hash of the dtab in force, as an annotation. Which pod is its own cannot be said here: it is another with every start.
- apiGroups: [""]
  resources: [pods]
  verbs: [patch]
{{- end }}
{{- end -}}

{{/* A role and its binding; of the cluster where `namespace` is empty. */}}
{{- define "noderouter.role" }}
{{- $kind := ternary "Role" "ClusterRole" (ne .namespace "") }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata: {{- include "noderouter.metadata" . | nindent 2 }}
rules:
  {{- include .rules .root | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata: {{- include "noderouter.metadata" . | nindent 2 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: {{ $kind }}, name: {{ .name | quote }}}
subjects: {{- list .subject | toYaml | nindent 2 }}
{{- end }}

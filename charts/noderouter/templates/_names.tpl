{{/* Names and labels. Selectors hold name and instance only: they cannot be changed later. */}}

{{- define "noderouter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "noderouter.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "noderouter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* The name of objects outside of namespaces: two releases in two namespaces must not share them. */}}
{{- define "noderouter.clusterName" -}}
{{- printf "%s:%s" (include "noderouter.namespace" .) (include "noderouter.fullname" .) -}}
{{- end -}}

{{- define "noderouter.dtabName" -}}
{{- default (printf "%s-dtab" (include "noderouter.fullname" .)) .Values.dtabConfigMap.name -}}
{{- end -}}

{{/* Where routers keep the table that was valid last. */}}
{{- define "noderouter.lastGoodName" -}}
{{- printf "%s-last-good" (include "noderouter.dtabName" .) -}}
{{- end -}}

{{/* Where policies are, and where routers keep those that were valid last. */}}
{{- define "noderouter.policyName" -}}
{{- default (printf "%s-policy" (include "noderouter.fullname" .)) .Values.policy.name -}}
{{- end -}}

{{- define "noderouter.policyLastGoodName" -}}
{{- printf "%s-last-good" (include "noderouter.policyName" .) -}}
{{- end -}}

{{- define "noderouter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "noderouter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "noderouter.image" -}}
{{- $name := .Values.image.repository -}}
{{- with .Values.image.registry -}}{{- $name = printf "%s/%s" . $name -}}{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $name .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "noderouter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "noderouter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "noderouter.labels" -}}
{{ include "noderouter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: router
app.kubernetes.io/part-of: noderouter
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The metadata of an object. Takes a dict: `root` and `name`; perhaps `annotations` and `labels` of its own, and where it
is, `namespace` (empty: outside of namespaces).
*/}}
{{- define "noderouter.metadata" -}}
{{- $root := .root -}}
{{- $annotations := merge (deepCopy (default dict .annotations)) $root.Values.commonAnnotations -}}
{{- $labels := merge (deepCopy (default dict .labels)) (include "noderouter.labels" $root | fromYaml) -}}
name: {{ .name }}
{{- with ternary .namespace (include "noderouter.namespace" $root) (hasKey . "namespace") }}
namespace: {{ . }}
{{- end }}
labels: {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

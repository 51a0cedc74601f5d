{{/* Traces and logs: what `tracing`, `accessLog` and `log` are in the configuration and in the pod. */}}

{{/* The telemeters, as a list: the user's, then those of `tracing` and the logs. */}}
{{- define "noderouter.telemeters" -}}
{{- $found := .Values.telemetry -}}
{{- $shared := dict "sampleRate" .Values.tracing.sampleRate "failures" .Values.tracing.failures -}}
{{- if .Values.tracing.otlp.endpoint -}}
{{- $found = append $found (merge (include "noderouter.otlp" (list "io.l5d.otlp" "traces" .Values.tracing.otlp) | fromYaml) $shared) -}}
{{- end -}}
{{- with .Values.tracing.zipkin -}}
{{- if .host -}}
{{- $found = append $found (merge (dict "kind" "io.l5d.zipkin" "host" .host "port" .port) $shared) -}}
{{- end -}}
{{- end -}}
{{- if .Values.accessLog.otlp.endpoint -}}
{{- $logs := include "noderouter.otlp" (list "io.l5d.otlpLogs" "logs" .Values.accessLog.otlp) | fromYaml -}}
{{- $found = append $found (merge $logs (dict "sampleRate" .Values.accessLog.sampleRate)) -}}
{{- end -}}
{{- if .Values.log.otlp.endpoint -}}
{{- $found = append $found (include "noderouter.otlp" (list "io.l5d.otlpEvents" "events" .Values.log.otlp) | fromYaml) -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* A telemeter that sends over OTLP. Takes a list: its kind, the folder of its headers, its values. */}}
{{- define "noderouter.otlp" -}}
{{- $folder := printf "%s/%s" (include "noderouter.headersFolder" .) (index . 1) -}}
kind: {{ index . 0 }}
{{- with index . 2 }}
endpoint: {{ .endpoint | quote }}
serviceName: {{ .serviceName | quote }}
{{- with .headers }}
headers: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .headersFrom }}
headerFiles:
  {{- range . }}
  {{ .header | quote }}: {{ printf "%s/%s" $folder (lower .header) }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What over OTLP has headers of Secrets, and the folder of each, as an object. */}}
{{- define "noderouter.secretHeaders" -}}
{{- $found := dict -}}
{{- range $folder, $otlp := dict "traces" .Values.tracing.otlp "logs" .Values.accessLog.otlp "events" .Values.log.otlp -}}
{{- if and $otlp.endpoint $otlp.headersFrom -}}{{- $_ := set $found $folder $otlp.headersFrom -}}{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* Keys of one of the chart's routers. Takes a list: the root, the router's name. */}}
{{- define "noderouter.visible" -}}
{{- $name := index . 1 -}}
{{- with (index . 0).Values.tracing.propagation }}
trace:
  propagation: {{ toJson . }}
{{- end }}
{{- with (index . 0).Values.accessLog }}
{{- if and .path (has $name .routers) }}
{{- $key := ternary "h2AccessLog" "httpAccessLog" (has $name (list "h2" "grpc")) }}
{{ $key }}: {{ replace "{router}" $name .path | quote }}
{{- if eq .format "json" }}
{{ $key }}Format: json
{{ $key }}Sample: {{ .sampleRate }}
{{- end }}
{{- if ne .path "-" }}
{{ $key }}RollPolicy: {{ .rollPolicy | quote }}
{{ $key }}RotateCount: {{ .rotateCount }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "noderouter.headersFolder" -}}/run/secrets/noderouter{{- end -}}

{{- define "noderouter.visibilityMounts" -}}
{{- if include "noderouter.secretHeaders" . | fromYaml }}
- name: otlp-headers
  mountPath: {{ include "noderouter.headersFolder" . }}
  readOnly: true
{{- end }}
{{- with .Values.accessLog }}
{{- if and .volume .path }}
- name: access-log
  mountPath: {{ dir .path }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "noderouter.visibilityVolumes" -}}
{{- with include "noderouter.secretHeaders" . | fromYaml }}
- name: otlp-headers
  projected:
    sources:
      {{- range $folder, $headers := . }}
      {{- range $headers }}
      - secret:
          name: {{ .secret }}
          items: [{key: {{ .key | quote }}, path: {{ printf "%s/%s" $folder (lower .header) | quote }}}]
      {{- end }}
      {{- end }}
{{- end }}
{{- with .Values.accessLog }}
{{- if and .volume .path }}
- name: access-log
  {{- toYaml .volume | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What cannot work, or would have no effect. */}}
{{- define "noderouter.checkVisibility" -}}
{{- $tracing := .Values.tracing -}}
{{- with .Values.accessLog -}}
{{- if and .path $.Values.routers -}}
{{- fail "accessLog is of the chart's own routers: with `routers`, give each of them `httpAccessLog`" -}}
{{- end -}}
{{- range .routers -}}
{{- if and $.Values.accessLog.path (not (get $.Values .).enabled) -}}
{{- fail (printf "accessLog.routers has `%s`, which is off: take it out" .) -}}
{{- end -}}
{{- end -}}
{{- if and (hasPrefix "/" .path) (gt (len .routers) 1) (not (contains "{router}" .path)) -}}
{{- fail (printf "accessLog.path is one file for two routers: have `{router}` in it, as in %s/{router}.log" (dir .path)) -}}
{{- end -}}
{{- if and (hasPrefix "/" .path) (contains "{router}" (dir .path)) -}}
{{- fail "accessLog.path: `{router}` may be in the name of the file, and not of its folder, which is mounted" -}}
{{- end -}}
{{- if and (hasPrefix "/" .path) (eq (dir .path) "/") -}}
{{- fail (printf "accessLog.path is %s: put it into a folder, which can be mounted" .path) -}}
{{- end -}}
{{- if and (hasPrefix "/" .path) (not .volume) (not $.Values.extraVolumeMounts) -}}
{{- fail (printf "accessLog.path is %s, and nothing can be written there: say what is mounted by accessLog.volume ({emptyDir: {}}), or have `-`" .path) -}}
{{- end -}}
{{- if and .volume (not (hasPrefix "/" .path)) -}}
{{- fail "accessLog.volume has no effect without a file in accessLog.path" -}}
{{- end -}}
{{- if and .path (eq .format "combined") (ne (float64 .sampleRate) 1.0) -}}
{{- fail "accessLog.sampleRate is of the format `json` only: `combined` has all requests" -}}
{{- end -}}
{{- end -}}
{{- if and $tracing.propagation .Values.routers -}}
{{- fail "tracing.propagation is of the chart's own routers: with `routers`, give each of them `trace`" -}}
{{- end -}}
{{- range $where, $otlp := dict "tracing.otlp" $tracing.otlp "accessLog.otlp" .Values.accessLog.otlp "log.otlp" .Values.log.otlp -}}
{{- if and (not $otlp.endpoint) (or $otlp.headers $otlp.headersFrom) -}}
{{- fail (printf "%s has headers for nobody: set %s.endpoint" $where $where) -}}
{{- end -}}
{{- $seen := list -}}
{{- range $name := keys $otlp.headers -}}{{- $seen = append $seen (lower $name) -}}{{- end -}}
{{- range $otlp.headersFrom -}}
{{- if has (lower .header) $seen -}}
{{- fail (printf "%s has the header %s twice" $where .header) -}}
{{- end -}}
{{- $seen = append $seen (lower .header) -}}
{{- end -}}
{{- end -}}
{{- end -}}

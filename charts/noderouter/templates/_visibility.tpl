{{/* Traces and access logs: what `tracing` and `accessLog` are in the configuration and in the pod. */}}

{{/* The telemeters, as a list: the user's, then those of `tracing`. */}}
{{- define "noderouter.telemeters" -}}
{{- $found := .Values.telemetry -}}
{{- $shared := dict "sampleRate" .Values.tracing.sampleRate "failures" .Values.tracing.failures -}}
{{- with .Values.tracing.otlp -}}
{{- if .endpoint -}}
{{- $otlp := merge (dict "kind" "io.l5d.otlp" "endpoint" .endpoint "serviceName" .serviceName) $shared -}}
{{- with .headers -}}{{- $_ := set $otlp "headers" . -}}{{- end -}}
{{- if .headersFrom -}}
{{- $files := dict -}}
{{- range .headersFrom -}}{{- $_ := set $files .header (printf "%s/%s" (include "noderouter.headersFolder" $) (lower .header)) -}}{{- end -}}
{{- $_ := set $otlp "headerFiles" $files -}}
{{- end -}}
{{- $found = append $found $otlp -}}
{{- end -}}
{{- end -}}
{{- with .Values.tracing.zipkin -}}
{{- if .host -}}
{{- $found = append $found (merge (dict "kind" "io.l5d.zipkin" "host" .host "port" .port) $shared) -}}
{{- end -}}
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
httpAccessLog: {{ replace "{router}" $name .path | quote }}
{{- if eq .format "json" }}
httpAccessLogFormat: json
httpAccessLogSample: {{ .sampleRate }}
{{- end }}
{{- if ne .path "-" }}
httpAccessLogRollPolicy: {{ .rollPolicy | quote }}
httpAccessLogRotateCount: {{ .rotateCount }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "noderouter.headersFolder" -}}/run/secrets/noderouter/otlp{{- end -}}

{{- define "noderouter.visibilityMounts" -}}
{{- if and .Values.tracing.otlp.endpoint .Values.tracing.otlp.headersFrom }}
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
{{- with .Values.tracing.otlp }}
{{- if and .endpoint .headersFrom }}
- name: otlp-headers
  projected:
    sources:
      {{- range .headersFrom }}
      - secret:
          name: {{ .secret }}
          items: [{key: {{ .key | quote }}, path: {{ lower .header | quote }}}]
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
{{- if and (not $tracing.otlp.endpoint) (or $tracing.otlp.headers $tracing.otlp.headersFrom) -}}
{{- fail "tracing.otlp has headers for nobody: set tracing.otlp.endpoint" -}}
{{- end -}}
{{- $seen := list -}}
{{- range $name := keys $tracing.otlp.headers -}}{{- $seen = append $seen (lower $name) -}}{{- end -}}
{{- range $tracing.otlp.headersFrom -}}
{{- if has (lower .header) $seen -}}
{{- fail (printf "tracing.otlp has the header %s twice" .header) -}}
{{- end -}}
{{- $seen = append $seen (lower .header) -}}
{{- end -}}
{{- end -}}

{{/*
What goes into the dtab ConfigMap, as JSON: `text`, `base` and perhaps `replaced`.

Helm would put `values.dtab` back over an edit at each upgrade. So the text that is live now is looked up and rendered
again, unless `values.dtab` is another one than at the last time, which the annotation `base` tells. Where there is
nothing to look up (installation, `helm template`), `values.dtab` is rendered.
*/}}
{{- define "noderouter.dtab" -}}
{{- $key := .Values.dtabConfigMap.key -}}
{{- $replacedKey := printf "%s.replaced" $key -}}
{{- $result := dict "text" .Values.dtab "base" (include "noderouter.dtabHash" .Values.dtab) -}}
{{- $object := lookup "v1" "ConfigMap" (include "noderouter.namespace" .) (include "noderouter.dtabName" .) -}}
{{- $data := default dict (get $object "data") -}}
{{- if hasKey $data $replacedKey -}}{{- $_ := set $result "replaced" (get $data $replacedKey) -}}{{- end -}}
{{- if hasKey $data $key -}}
{{- $live := get $data $key -}}
{{- $annotations := default dict (get (default dict (get $object "metadata")) "annotations") -}}
{{- $base := default "" (get $annotations "noderouter.io/dtab-base") -}}
{{- $edited := ne (include "noderouter.dtabHash" $live) $base -}}
{{- $changed := ne $result.base $base -}}
{{- $differ := ne (include "noderouter.dtabHash" $live) $result.base -}}
{{- if not $changed -}}
{{- $_ := set $result "text" $live -}}
{{- else if and $edited $differ -}}
{{- if eq .Values.dtabConfigMap.onConflict "live" -}}
{{- $_ := set $result "text" $live -}}
{{- else if eq .Values.dtabConfigMap.onConflict "values" -}}
{{- $_ := set $result "replaced" $live -}}
{{- else -}}
{{- fail (printf "the value `dtab` was changed, and the ConfigMap %s/%s was edited, too: nothing is done. Either put the edit into `dtab`, or set dtabConfigMap.onConflict to `values` (takes the value, keeps the edited table under the key %s) or to `live` (keeps the edited table)" (include "noderouter.namespace" .) (include "noderouter.dtabName" .) $replacedKey) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $result -}}
{{- end -}}

{{/* White space at the ends makes no other table. */}}
{{- define "noderouter.dtabHash" -}}
{{- trim . | sha256sum -}}
{{- end -}}

{{- define "windlass-hub.labels" -}}
app.kubernetes.io/name: windlass-hub
app.kubernetes.io/part-of: windlass
{{- end }}
{{- define "windlass-hub.inside" -}}
windlass-hub.{{ .Release.Namespace }}.svc
{{- end }}

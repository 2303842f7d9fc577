{{- define "windlass-agent.labels" -}}
app.kubernetes.io/name: windlass-agent
app.kubernetes.io/part-of: windlass
{{- end }}

{{- define "stanzahook.labels" -}}
app.kubernetes.io/name: stanzahook
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "stanzahook.onNATS" -}}
{{- if (.Values.config.store | default dict).nats }}yes{{ end }}
{{- end }}

{{- define "stanzahook.port" -}}
{{- regexFind "[0-9]+$" (required "config.http.listen is missing; write 0.0.0.0:5290" (.Values.config.http | default dict).listen) }}
{{- end }}

{{- define "stanzahook.scheme" -}}
{{- if ((.Values.config.http.tls | default dict).cert_file) }}https{{ else }}http{{ end }}
{{- end }}

{{- define "stanzahook.probe" -}}
port: http
{{- if ((.Values.config.http.tls | default dict).cert_file) }}
scheme: HTTPS
{{- end }}
{{- end }}

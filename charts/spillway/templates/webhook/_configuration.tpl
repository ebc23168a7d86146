{{/* metadata of a webhook configuration. */}}
{{- define "spillway.webhookMetadata" -}}
labels:
  {{- include "spillway.labels" . | nindent 2 }}
  app.kubernetes.io/component: webhook
{{- if eq .Values.certificates.mode "cert-manager" }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "spillway.fullname" . }}-webhook
{{- end }}
{{- end -}}

{{/* How an entry reaches its Service. In modes self and cert-manager the CA is filled in later, and kept at an upgrade
     because nothing here sets it. */}}
{{- define "spillway.clientConfig" -}}
service:
  namespace: {{ .context.Release.Namespace }}
  name: {{ include "spillway.fullname" .context }}-webhook{{ with .serves }}-{{ . }}{{ end }}
  port: 443
  path: {{ .path }}
{{- with include "spillway.caBundle" .context }}
caBundle: {{ . }}
{{- end }}
{{- end -}}

{{/* Namespaces whose pods are nobody's but the cluster's, and our own. */}}
{{- define "spillway.excluded" -}}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values: [kube-system, kube-public, kube-node-lease, {{ .Release.Namespace }}]
{{- end -}}

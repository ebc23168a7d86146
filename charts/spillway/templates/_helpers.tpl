{{- define "spillway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects objects of this release. A Deployment's selector cannot change, so neither can this. */}}
{{- define "spillway.selector" -}}
app.kubernetes.io/name: spillway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "spillway.labels" -}}
{{ include "spillway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "spillway.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What is true of every pod: it passes the Pod Security level "restricted". */}}
{{- define "spillway.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "spillway.container" -}}
image: {{ include "spillway.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Ready is whether it can do its work now, alive whether it answers at all. */}}
{{- define "spillway.probes" -}}
# One that is slow is better than none: it is asked no more when it says no for a while or, at once, when it ends.
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 5
livenessProbe:
  httpGet: {path: /healthz, port: health}
  initialDelaySeconds: 10
  timeoutSeconds: 5
{{- end -}}

{{/* Where pods of a component run. The argument is a list: the context, and the component's values. */}}
{{- define "spillway.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* A map as the command line has it: k=v,k=v */}}
{{- define "spillway.pairs" -}}
{{- $pairs := list -}}
{{- range $key, $value := . -}}
{{- $pairs = append $pairs (printf "%s=%v" $key $value) -}}
{{- end -}}
{{- join "," $pairs -}}
{{- end -}}

{{/* The Secret with the webhook's certificate. */}}
{{- define "spillway.certificateSecret" -}}
{{- if eq .Values.certificates.mode "provided" -}}
{{- required "certificates.secretName: certificates.mode \"provided\" needs the name of the Secret with tls.crt and tls.key" .Values.certificates.secretName -}}
{{- else -}}
{{ include "spillway.fullname" . }}-webhook-certs
{{- end -}}
{{- end -}}

{{/* The names of the webhook's three Services as API servers call them: a YAML list. */}}
{{- define "spillway.webhookNames" -}}
{{- $name := include "spillway.fullname" . -}}
{{- range list "-first" "-second" "" }}
- {{ $name }}-webhook{{ . }}.{{ $.Release.Namespace }}.svc
{{- end }}
{{- end -}}

{{/* PEM that API servers trust, if the chart knows it; in the other modes it is filled in later. */}}
{{- define "spillway.caBundle" -}}
{{- if eq .Values.certificates.mode "provided" -}}
{{- if .Values.certificates.caBundle -}}
{{- .Values.certificates.caBundle | b64enc -}}
{{- else -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace .Values.certificates.secretName -}}
{{- $data := (get (default dict $secret) "data") | default dict -}}
{{- required (printf "certificates.caBundle: empty, and there is no Secret %q with ca.crt in namespace %q; API servers would trust no webhook" .Values.certificates.secretName .Release.Namespace) (get $data "ca.crt") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* metadata of what exists while the pre-delete hook runs. */}}
{{- define "spillway.hookMetadata" -}}
labels:
  {{- include "spillway.labels" .context | nindent 2 }}
  app.kubernetes.io/component: remains
annotations:
  helm.sh/hook: pre-delete
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
  {{- with .log }}
  helm.sh/hook-output-log-policy: {{ . }}
  {{- end }}
{{- end -}}

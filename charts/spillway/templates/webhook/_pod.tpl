{{- define "spillway.webhookPod" -}}
{{- $ := .context -}}
{{- $name := include "spillway.fullname" $ -}}
serviceAccountName: {{ $name }}-webhook
{{ include "spillway.podSecurity" $ }}
# Requests are answered for so long after the pod was told to stop, and those under way for as long as an API server waits.
terminationGracePeriodSeconds: {{ add $.Values.webhook.drainDelaySeconds 20 }}
{{- with include "spillway.placement" $.Values.webhook | trim }}
{{- . | nindent 0 }}
{{- end }}
# Over the pods of both Deployments: the loss of one host or zone leaves a webhook. No more than a wish, so that it runs on
# a single node too.
topologySpreadConstraints:
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "spillway.selector" $ | nindent 8 }}
        app.kubernetes.io/component: webhook
{{- end }}
containers:
  - name: webhook
    {{- include "spillway.container" $ | nindent 4 }}
    args:
      - webhook
      - --namespace={{ $.Release.Namespace }}
      - --routing-keys={{ join "," $.Values.routingKeys }}
      - --drain-delay={{ $.Values.webhook.drainDelaySeconds }}s
      {{- if eq $.Values.certificates.mode "self" }}
      - --cert-secret={{ include "spillway.certificateSecret" $ }}
      - --cert-dns-names={{ include "spillway.webhookNames" $ | fromYamlArray | join "," }}
      - --ca-bundle-into={{ $name }},{{ $name }}-policies
      {{- else }}
      - --cert-dir=/certificates
      - --configurations={{ $name }},{{ $name }}-policies
      {{- end }}
      {{- with $.Values.webhook.unschedulableBackoff }}
      - --unschedulable-backoff={{ . }}
      {{- end }}
      {{- with $.Values.tracing.endpoint }}
      - --tracing-endpoint={{ . }}
      - --tracing-sampling-rate-per-million={{ $.Values.tracing.samplingRatePerMillion | int }}
      {{- end }}
      {{- with $.Values.verbosity }}
      - --verbosity={{ . }}
      {{- end }}
      {{- range $.Values.webhook.extraArgs }}
      - {{ . | quote }}
      {{- end }}
    ports:
      - {name: https, containerPort: 9443}
      - {name: health, containerPort: 8081}
      - {name: metrics, containerPort: 8080}
    {{- include "spillway.probes" $ | nindent 4 }}
    {{- with $.Values.webhook.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if ne $.Values.certificates.mode "self" }}
    volumeMounts:
      - {name: certificates, mountPath: /certificates, readOnly: true}
    {{- end }}
{{- if ne $.Values.certificates.mode "self" }}
volumes:
  - name: certificates
    secret:
      secretName: {{ include "spillway.certificateSecret" $ }}
{{- end }}
{{- end -}}

{{- define "spillway.nodePod" -}}
{{- $ := .context -}}
{{- $kubelet := $.Values.node.kubelet -}}
serviceAccountName: {{ include "spillway.fullname" $ }}-node
{{ include "spillway.podSecurity" $ }}
{{- with include "spillway.placement" $.Values.node | trim }}
{{- . | nindent 0 }}
{{- end }}
topologySpreadConstraints:
  - topologyKey: kubernetes.io/hostname
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "spillway.selector" $ | nindent 8 }}
        app.kubernetes.io/component: node
        spillway.io/virtual-node: {{ .node.name }}
containers:
  - name: node
    {{- include "spillway.container" $ | nindent 4 }}
    args:
      {{- include "spillway.nodeArgs" . | trim | nindent 6 }}
    env:
      # The Node's address, where API servers find its kubelet API.
      - name: POD_IP
        valueFrom:
          fieldRef:
            fieldPath: status.podIP
    ports:
      - {name: kubelet, containerPort: 10250}
      - {name: health, containerPort: 8081}
      - {name: metrics, containerPort: 8080}
    {{- include "spillway.probes" $ | nindent 4 }}
    {{- with $.Values.node.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    volumeMounts:
      - {name: downstream, mountPath: /downstream, readOnly: true}
      {{- if eq $kubelet.certificate "files" }}
      - {name: kubelet-certificate, mountPath: /kubelet-certificate, readOnly: true}
      {{- end }}
      {{- if eq $kubelet.certificate "csr" }}
      - {name: kubelet-certificate, mountPath: /kubelet-certificate}
      {{- end }}
      {{- if $kubelet.clientCAConfigMap }}
      - {name: client-ca, mountPath: /client-ca, readOnly: true}
      {{- end }}
volumes:
  # A folder, and no single file of it, or else it would not follow when the kubeconfig changes.
  - name: downstream
    secret:
      secretName: {{ .node.kubeconfigSecret.name }}
  {{- if eq $kubelet.certificate "files" }}
  - name: kubelet-certificate
    secret:
      secretName: {{ required "node.kubelet.secretName: node.kubelet.certificate \"files\" needs the name of the Secret with tls.crt and tls.key" $kubelet.secretName }}
  {{- end }}
  {{- if eq $kubelet.certificate "csr" }}
  # Keeps the certificate when the container is started again.
  - name: kubelet-certificate
    emptyDir: {medium: Memory}
  {{- end }}
  {{- with $kubelet.clientCAConfigMap }}
  - name: client-ca
    configMap:
      name: {{ . }}
  {{- end }}
{{- end -}}

{{/* The arguments of `spillway node`; those that are not given have the command's own defaults. */}}
{{- define "spillway.nodeArgs" -}}
{{- $ := .context -}}
{{- $node := .node -}}
{{- $capacity := $node.capacity | default dict -}}
- node
- --name={{ $node.name }}
- --downstream-kubeconfig=/downstream/{{ $node.kubeconfigSecret.key | default "kubeconfig" }}
- --leader-elect-namespace={{ $.Release.Namespace }}
- --internal-ip=$(POD_IP)
- --routing-keys={{ join "," $.Values.routingKeys }}
- {{ printf "--node-labels=%s" (include "spillway.pairs" (merge dict ($node.labels | default dict) (dict "clusterID" $node.name))) | quote }}
- --kubelet-certificate={{ $.Values.node.kubelet.certificate }}
{{- if eq $.Values.node.kubelet.certificate "files" }}
- --tls-cert-file=/kubelet-certificate/tls.crt
- --tls-private-key-file=/kubelet-certificate/tls.key
{{- else if eq $.Values.node.kubelet.certificate "csr" }}
- --kubelet-certificate-dir=/kubelet-certificate
{{- end }}
- --client-ca-file={{ ternary "/client-ca/ca.crt" "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt" (not (empty $.Values.node.kubelet.clientCAConfigMap)) }}
{{- with $node.claimNamespace }}
- --claim-namespace={{ . }}
{{- end }}
{{- with $node.namespacePrefix }}
- --namespace-prefix={{ . }}
{{- end }}
{{- range $flag, $pairs := dict "namespace-map" $node.namespaceMap "scheduler-map" $node.schedulerMap "runtime-class-map" $node.runtimeClassMap "storage-class-map" $node.storageClassMap "reserve" $capacity.reserve "capacity-limit" $capacity.limit }}
{{- with $pairs }}
- {{ printf "--%s=%s" $flag (include "spillway.pairs" .) | quote }}
{{- end }}
{{- end }}
{{- with $capacity.tolerateTaints }}
- {{ printf "--tolerate-taints=%s" (join "," .) | quote }}
{{- end }}
{{- with $node.podApiAccess }}
- --pod-api-access={{ join "," . }}
{{- end }}
{{- with $node.podApiServer }}
- --pod-api-server={{ . }}
{{- end }}
{{- if $node.reflectServices }}
- --reflect-services
{{- end }}
{{- with $node.collectGarbage }}
- --collect-garbage={{ . }}
{{- end }}
{{- with $node.deleteOrphans }}
- --delete-orphans={{ . }}
{{- end }}
{{- with $.Values.tracing.endpoint }}
- --tracing-endpoint={{ . }}
- --tracing-sampling-rate-per-million={{ $.Values.tracing.samplingRatePerMillion | int }}
{{- end }}
{{- with $.Values.verbosity }}
- --verbosity={{ . }}
{{- end }}
{{- range $node.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

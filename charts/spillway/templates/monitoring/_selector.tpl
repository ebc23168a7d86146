{{/* The release's own jobs and namespace in a file that has those of a release called spillway. */}}
{{- define "spillway.ownJobs" -}}
{{- $name := include "spillway.fullname" .context -}}
{{- $in := printf "namespace=\"%s\", " .context.Release.Namespace -}}
{{- .text
  | replace "job=\"spillway-webhook\"" (printf "%sjob=\"%s-webhook\"" $in $name)
  | replace "job=\"spillway-node\"" (printf "%sjob=\"%s-node\"" $in $name)
  | replace "job=~\"spillway-webhook|spillway-node\"" (printf "%sjob=~\"%s-webhook|%s-node\"" $in $name $name) -}}
{{- end -}}

{{- /* Names, labels, and what all pods of the chart share. */ -}}

{{- define "cairn.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "cairn.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* cairn.select (dict "root" $ "component" NAME): what a component's pods are found by. Never changes. */ -}}
{{- define "cairn.select" -}}
app.kubernetes.io/name: cairn
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "cairn.labels" -}}
{{ include "cairn.select" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "cairn.url" -}}
http://{{ include "cairn.name" .root }}-{{ .component }}.{{ .root.Release.Namespace }}.svc:{{ .port }}
{{- end }}

{{- define "cairn.nodes" -}}
{{ include "cairn.url" (dict "root" . "component" "gateway" "port" .Values.gateway.service.port) }},{{ include "cairn.url" (dict "root" . "component" "projector" "port" 7070) }}
{{- end }}

{{- /* The names under which a node is asked for: its services', the chart's, and the pod's address, which Prometheus uses. */ -}}
{{- define "cairn.hosts" -}}
{{- $hosts := list "$(POD_IP)" }}
{{- range $component := list "gateway" "processor" "projector" }}
{{- $short := printf "%s-%s" (include "cairn.name" $) $component }}
{{- $hosts = concat $hosts (list $short (printf "%s.%s" $short $.Release.Namespace) (printf "%s.%s.svc" $short $.Release.Namespace) (printf "%s.%s.svc.cluster.local" $short $.Release.Namespace)) }}
{{- end }}
{{- if .Values.ingress.enabled }}{{ $hosts = append $hosts .Values.ingress.host }}{{ end }}
{{- concat $hosts .Values.server.hosts | toJson }}
{{- end }}

{{- /* What every process is told of its surroundings. */ -}}
{{- define "cairn.environment.telemetry" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: RUST_LOG
  value: {{ .root.Values.telemetry.logs | quote }}
- name: CAIRN_TOKEN_FILE
  value: /var/lib/cairn/keys/token
{{- with .root.Values.telemetry.otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
- name: OTEL_SERVICE_NAME
  value: cairn-{{ $.component }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.pod.name=$(POD_NAME),k8s.namespace.name={{ $.root.Release.Namespace }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ $.root.Values.telemetry.traces | quote }}
# Figures are scraped from /metrics, not sent.
- name: OTEL_METRICS_EXPORTER
  value: none
{{- end }}
{{- end }}

{{- /* Kafka's secrets are read where they are mounted, whenever a connection is made: one that is changed there is taken. */ -}}
{{- define "cairn.environment.log" -}}
- name: CAIRN_LOG_URL
  value: {{ .Values.log.url | quote }}
{{- with .Values.kafka }}
{{- if .tls }}
- name: CAIRN_KAFKA_TLS
  value: "true"
{{- end }}
{{- if .ca }}
- name: CAIRN_KAFKA_CA_FILE
  value: /run/secrets/kafka/ca.pem
{{- end }}
{{- if .clientCertificate }}
- name: CAIRN_KAFKA_CERTIFICATE_FILE
  value: /run/secrets/kafka/client.pem
- name: CAIRN_KAFKA_KEY_FILE
  value: /run/secrets/kafka/client-key.pem
{{- end }}
{{- if .sasl }}
- name: CAIRN_KAFKA_SASL
  value: {{ .sasl | quote }}
{{- if eq .sasl "oauthbearer" }}
- name: CAIRN_KAFKA_TOKEN_FILE
  value: /run/secrets/kafka/token
{{- else }}
- name: CAIRN_KAFKA_USER
  value: {{ .user | quote }}
- name: CAIRN_KAFKA_PASSWORD_FILE
  value: /run/secrets/kafka/password
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The names in secrets.kafka that are asked for. */ -}}
{{- define "cairn.kafka.keys" -}}
{{- $keys := list }}
{{- with .Values.kafka }}
{{- if .ca }}{{ $keys = append $keys "ca.pem" }}{{ end }}
{{- if .clientCertificate }}{{ $keys = concat $keys (list "client.pem" "client-key.pem") }}{{ end }}
{{- if .sasl }}{{ $keys = append $keys (ternary "token" "password" (eq .sasl "oauthbearer")) }}{{ end }}
{{- end }}
{{- toJson $keys }}
{{- end }}

{{- define "cairn.environment.server" -}}
- name: CAIRN_SERVER_LISTEN
  value: 0.0.0.0:7070
- name: CAIRN_SERVER_TOKEN_FILE
  value: keys/token
- name: CAIRN_SERVER_HOSTS
  value: {{ include "cairn.hosts" . | squote }}
- name: CAIRN_SERVER_CONCURRENCY
  value: {{ .Values.server.concurrency | int64 | quote }}
- name: CAIRN_SERVER_MAX_LAG
  value: {{ .Values.server.maxLag | int64 | quote }}
{{- end }}

{{- /* cairn.environment.store (dict "root" $ "parts" (list "blobs" …)): each part of the store that a role uses has a folder there. */ -}}
{{- define "cairn.environment.store" -}}
{{- range .parts }}
- name: CAIRN_{{ upper . }}_URL
  value: {{ printf "%s/%s" (trimSuffix "/" $.root.Values.store.url) . | quote }}
{{- end }}
- name: AWS_REGION
  value: {{ .root.Values.store.region | quote }}
{{- with .root.Values.store.endpoint }}
- name: AWS_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- if .root.Values.store.allowHttp }}
- name: AWS_ALLOW_HTTP
  value: "true"
{{- end }}
{{- end }}

{{- /* cairn.secrets (dict "root" $ "keys" (list (dict "secret" NAME "key" KEY "path" PATH)) "log" BOOL "store" BOOL): a role's secrets as one
       volume, as the image's entrypoint reads them. A role gets no key that it does not need. */ -}}
{{- define "cairn.secrets" -}}
- name: secrets
  projected:
    # Readable by the pod's group; the entrypoint makes copies in memory that its user alone can read.
    defaultMode: 0440
    sources:
      - secret: {name: {{ .root.Values.secrets.token }}, items: [{key: token, path: cairn/token}]}
      {{- range .keys }}
      - secret: {name: {{ .secret }}, items: [{key: {{ .key | quote }}, path: {{ printf "cairn/%s" .key | quote }}}]}
      {{- end }}
      {{- $kafka := include "cairn.kafka.keys" .root | fromJsonArray }}
      {{- if and .log $kafka }}
      - secret:
          name: {{ .root.Values.secrets.kafka }}
          items:
            {{- range $kafka }}
            - {key: {{ . }}, path: kafka/{{ . }}}
            {{- end }}
      {{- end }}
      {{- if .store }}
      - secret:
          name: {{ .root.Values.secrets.store }}
          items:
            - {key: AWS_ACCESS_KEY_ID, path: environment/AWS_ACCESS_KEY_ID}
            - {key: AWS_SECRET_ACCESS_KEY, path: environment/AWS_SECRET_ACCESS_KEY}
      {{- end }}
- name: keys
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- end }}

{{- define "cairn.mounts" -}}
- {name: folder, mountPath: /var/lib/cairn}
- {name: keys, mountPath: /var/lib/cairn/keys}
- {name: secrets, mountPath: /run/secrets, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "cairn.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* The probes run beside the node: it asks for a token, which no manifest may hold. */ -}}
{{- define "cairn.probes" -}}
# Until block 0 is there and what was decided is read: minutes on a long journal.
startupProbe:
  exec: {command: [cairn-probe, /healthz]}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 240
livenessProbe:
  exec: {command: [cairn-probe, /healthz]}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
readinessProbe:
  exec: {command: [cairn-probe, /readyz]}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{- /* cairn.pod (dict "root" $ "component" NAME ["account" NAME]): what all pod specs begin with. */ -}}
{{- define "cairn.pod" -}}
serviceAccountName: {{ .account | default (include "cairn.name" .root) }}
automountServiceAccountToken: false
# Kubernetes would name services in CAIRN_…, where cairn looks for its configuration and refuses what it does not know.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .root.Values.terminationGracePeriodSeconds }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "cairn.select" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{- /* cairn.claim (dict "root" $ "storage" VALUES): a claim template for the node's folder. */ -}}
{{- define "cairn.claim" -}}
- metadata:
    name: folder
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storage.className }}
    storageClassName: {{ . }}
    {{- end }}
    resources: {requests: {storage: {{ .storage.size }}}}
{{- end }}

{{- /* cairn.budget (dict "root" $ "component" NAME) */ -}}
{{- define "cairn.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "cairn.name" .root }}-{{ .component }}
  labels:
    {{- include "cairn.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "cairn.select" . | nindent 6 }}
{{- end }}

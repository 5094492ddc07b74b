"""The texts of a chart that makes objects of its values as charts usually do, by their paths in the chart."""

from __future__ import annotations

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.4.2\nappVersion: 3.0.0\n",
    "values.yaml": """\
replicas: 1
level: info
image: {repository: registry.example.org/web, tag: ""}
service: {port: 80}
secrets: {}
""",
    "templates/_labels.tpl": """\
{{- define "web.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
""",
    "templates/secret.yaml": """\
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}-web
  labels: {{- include "web.labels" . | nindent 4 }}
data:
  {{- range $name, $value := .Values.secrets }}
  {{ $name }}: {{ $value | b64enc }}
  {{- end }}
""",
    "templates/configmap.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-web
  labels: {{- include "web.labels" . | nindent 4 }}
data:
  level: {{ .Values.level | quote }}
  url: http://{{ .Release.Name }}-web.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}
""",
    "templates/service.yaml": """\
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}-web
  labels: {{- include "web.labels" . | nindent 4 }}
spec:
  selector: {{- include "web.labels" . | nindent 4 }}
  ports:
    - {name: http, port: {{ .Values.service.port }}, targetPort: http}
""",
    "templates/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
  labels: {{- include "web.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {{- include "web.labels" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "web.labels" . | nindent 8 }}
      annotations:
        checksum/secrets: {{ toJson .Values.secrets | sha256sum }}
    spec:
      containers:
        - name: web
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
          ports: [{name: http, containerPort: 8080}]
          envFrom:
            - secretRef: {name: {{ .Release.Name }}-web}
            - configMapRef: {name: {{ .Release.Name }}-web}
""",
}

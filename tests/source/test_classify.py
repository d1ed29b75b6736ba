"""What a text is when it is no object to judge, and that nothing is called a template because of braces in its strings."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.document import Document, NotJudged, Unread
from auditor.source import read_paths
from auditor.source.classify import is_template
from auditor.source.files import read_bytes
from auditor.source.text import read_text

TEMPLATE, CI, PATCH, NO_OBJECT = "Helm or Jinja template", "CI configuration", "kustomize patch", "no apiVersion and kind"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"

REASONS = [
    # templates of Helm, Go and Jinja
    ("t.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n", TEMPLATE),
    ("t.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{x}}\n", TEMPLATE),
    ("t.yaml", "apiVersion: v1\nkind: Pod\n{{- if .Values.x }}\nspec: {}\n{{- end }}\n", TEMPLATE),
    ("t.yaml", "{{- if .Values.x }}\napiVersion: v1\nkind: Pod\n{{- end }}\n", TEMPLATE),
    ("t.yaml", "{{ if x -}}\napiVersion: v1\nkind: Pod\n{{ end }}\n", TEMPLATE),
    ("t.yaml", '{{ include "x" . }}\n', TEMPLATE),
    ("t.yaml", '# about\n---\n{{ .Files.Get "a.yaml" }}\n', TEMPLATE),
    ("t.yaml", "{{- /* comment */ -}}\napiVersion: v1\nkind: Pod\n", TEMPLATE),
    ("t.yaml", POD + "spec:\n  {{- toYaml .Values.spec | nindent 2 }}\n", TEMPLATE),
    ("t.yaml", POD + 'x: "{{ include "a" . }}"\n', TEMPLATE),
    ("t.yaml", POD + "x: '{{ x['a'] }}'\n", TEMPLATE),
    ("t.yaml", POD + "args: [{{ x }}]\n", TEMPLATE),
    ("t.yaml", POD + "- {{ x }}\n", TEMPLATE),
    ("t.yaml", POD + "x: |\n  text\n{{ toYaml . | indent 2 }}\n", TEMPLATE),
    ("t.yaml", "{% if x %}\napiVersion: v1\nkind: Pod\n{% endif %}\n", TEMPLATE),
    ("t.yaml", "apiVersion: v1\nkind: Pod\n{% for x in y %}\nname: {{ x }}\n{% endfor %}\n", TEMPLATE),
    ("t.yaml", "apiVersion: v1\nkind: '{{ kind }}'\n", TEMPLATE),
    ("t.yaml", "apiVersion: ${VERSION}\nkind: Pod\n", TEMPLATE),
    ("t.yaml", "{{$x := DefaultParam .X 1}}\nname: test\n", TEMPLATE),
    # Helm
    ("chart/values.yaml", "image: {tag: 1}\n", "Helm values file"),
    ("chart/values-prod.yml", "image: {tag: 1}\n", "Helm values file"),
    ("gpu-operator-values.yaml", "driver: {}\n", "Helm values file"),
    ("my.values.dev.yaml", "driver: {}\n", "Helm values file"),
    (".buildkite/values-x.yaml", "a: 1\n", "Helm values file"),
    ("evaluation.yaml", "a: 1\n", NO_OBJECT),
    ("chart/Chart.yaml", "apiVersion: v2\nname: a\n", "Helm chart (not rendered)"),
    ("chart/Chart.lock", "dependencies: []\n", "Helm chart metadata"),
    ("chart/values.schema.json", '{"$schema": "x"}', "JSON or OpenAPI schema"),
    (
        "chart/tests/a_test.yaml",
        "suite: a\ntemplates: [a.yaml]\ntests:\n- it: works\n  asserts: [{kind: Pod, apiVersion: v1}]\n",
        "Helm unit test",
    ),
    # kustomize
    ("kustomization.yaml", "resources: [a.yaml]\n", "kustomization (not rendered)"),
    ("kustomization.yml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", "kustomization (not rendered)"),
    ("Kustomization", "namePrefix: a-\n", "kustomization (not rendered)"),
    ("other.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n", "kustomization (not rendered)"),
    ("kustomization.yaml", "apiVersion: v1\nkind: Oops\n", "kustomization (not rendered)"),
    ("t.yaml", "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\n", "kustomize transformer"),
    ("t.yaml", "nameReference:\n- kind: Secret\n", "kustomize configuration"),
    ("t.yaml", "- source: {kind: Secret}\n  targets: []\n", "kustomize configuration"),
    ("t.yaml", "- op: replace\n  path: /spec\n  value: 1\n", PATCH),
    ("t.yaml", "# about\n\n---\n# more\n- path: /spec\n  op: remove\n", PATCH),
    ("t.yaml", '- "op": add\n', PATCH),
    ("t.json", '[{"op": "replace", "path": "/spec", "value": 1}]', PATCH),
    ("t.json", '[\n  {"path": "/spec", "op": "remove"}\n]', PATCH),
    ("t.yaml", POD + "$patch: delete\n", PATCH),
    # definitions and schemas
    ("t.yaml", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {containers: []}\n", "CustomResourceDefinition"),
    ("t.yaml", 'apiVersion: apiextensions.k8s.io/v1\nkind: "CustomResourceDefinition"\n', "CustomResourceDefinition"),
    ("t.json", '{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}', "CustomResourceDefinition"),
    ("t.json", '{"$schema": "https://json-schema.org", "properties": {"kind": {}, "apiVersion": {}}}', "JSON or OpenAPI schema"),
    ("t.json", '{"swagger": "2.0"}', "JSON or OpenAPI schema"),
    ("t.yaml", "openapi: 3.0.0\npaths: {}\n", "JSON or OpenAPI schema"),
    # other tools
    (".github/workflows/ci.yaml", "name: ci\non: push\njobs: {}\n", CI),
    (".github/workflows/ci.yaml", "name: ci\non: push\njobs:\n a: b: c\n", CI),
    ("workflow.yaml", "on: push\njobs: {}\n", CI),
    ("action.yml", "inputs: {}\nruns: {using: composite}\n", CI),
    (".gitlab-ci.yml", "stages: [a]\n", CI),
    ("ci/.gitlab-ci.deploy.yml", "x: 1\n", CI),
    (".circleci/config.yml", "version: 2\n", CI),
    ("azure-pipelines-gpu.yml", "trigger: [main]\n", CI),
    (".pre-commit-config.yaml", "repos: []\n", CI),
    ("jobs.yaml", "presubmits: {}\n", CI),
    ("docker-compose.yaml", "services: {}\n", "Compose file"),
    ("compose.gpu.yml", "services: {}\n", "Compose file"),
    ("stack.yaml", "version: '3'\nservices: {}\n", "Compose file"),
    ("services.yaml", "services: {}\n", NO_OBJECT),
    ("environment.yml", "name: a\nchannels: [x]\ndependencies: [python]\n", "Conda environment"),
    (
        "alerts.yaml",
        "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up == 0\n    labels: {x: '{{ $labels.x }}'}\n",
        "Prometheus rules",
    ),
    ("dashboard.json", '{"annotations": {}, "panels": [{"title": "{{ x }}"}], "schemaVersion": 39}', "Grafana dashboard"),
    ("tsconfig.json", '{\n  // about\n  "a": 1\n}\n', "JSON with comments"),
    # nothing in particular
    ("t.yaml", "a: 1\n", NO_OBJECT),
    ("t.yaml", "kind: Pod\n", NO_OBJECT),
    ("t.yaml", "apiVersion: v1\n", NO_OBJECT),
    ("t.yaml", "spec:\n  kind: a\n  apiVersion: b\n", NO_OBJECT),
    ("t.yaml", "just text\n", NO_OBJECT),
    ("t.yaml", "[]\n", NO_OBJECT),
    ("t.json", '{"name": "x", "on": 1}', NO_OBJECT),
    ("cloudformation.yaml", "Resources:\n  A: !Ref B\n  C: !Sub '${D}'\n", NO_OBJECT),
    ("playbook.yaml", "- hosts: all\n  tasks:\n  - command: 'echo {{ item }}'\n", NO_OBJECT),
    ("t.yaml", "", "empty file"),
    ("t.yaml", "# nothing\n", "empty file"),
]


@pytest.mark.parametrize(("file", "text", "reason"), REASONS)
def test_reason(file: str, text: str, reason: str) -> None:
    items = read_bytes(text.encode(), file)
    assert [(type(item) is Document or type(item) is Unread, getattr(item, "reason", item)) for item in items] == [(False, reason)]
    (item,) = items
    assert isinstance(item, NotJudged)
    assert item.file == file


ARGO = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: a}
spec:
  templates:
  - container:
      image: "{{inputs.parameters.image}}"
      args: ['--rate={{inputs.parameters.rate}}']
      name: n-{{workflow.name}}
    script:
      source: |
        {{inputs.parameters.x}}
        print("{{=sprig.upper(x)}}")
    when: "{{steps.a.outputs.result}} == x"
"""
PROMETHEUS = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: a}
spec:
  groups:
  - name: a
    rules:
    - alert: A
      annotations:
        summary: 'GPU {{ $labels.gpu }} of {{ $labels.node }} is idle'
        description: "{{ $value | humanize }} %"
        text: |
          {{ range query "up" }}{{ .Value }}{{ end }}
"""
CHAT = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  template: |
    {% for m in messages %}
    {{ m.content }}
    {% endfor %}
"""


@pytest.mark.parametrize("text", [ARGO, PROMETHEUS, CHAT], ids=["Argo", "Prometheus", "chat template"])
def test_braces_in_strings_make_no_template(text: str) -> None:
    (item,) = read_text(text, "a.yaml")
    assert isinstance(item, Document)
    assert not is_template(text.replace("      name: n-{{workflow.name}}\n", ""))


@pytest.mark.parametrize("text", [PROMETHEUS, CHAT], ids=["Prometheus", "chat template"])
@pytest.mark.parametrize("fault", ["  broken: a: b\n", "x: [1\n", "\tx: 1\n"])
def test_a_broken_object_with_braces_in_strings_is_an_error(text: str, fault: str) -> None:
    (item,) = read_text(text + fault, "a.yaml")
    assert isinstance(item, Unread)
    assert item.syntax


def test_expressions_of_ci_systems_make_no_template() -> None:
    assert not is_template("a: ${{ github.ref }}\nb: x${{ y }}\n")


def test_neighbours_of_a_template_are_judged() -> None:
    text = "{{- if .Values.a }}\n---\n" + POD + "---\nkind: Pod\napiVersion: v1\nname: {{ x }}\n---\n{{- end }}\n---\n" + POD
    assert [getattr(item, "reason", "object") for item in read_text(text, "t.yaml")] == [TEMPLATE, "object", TEMPLATE, TEMPLATE, "object"]


# -- patches that no kustomization in view names -------------------------------------------------------------------------------------------

NO_SELECTOR = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec:
  template:
    spec:
      containers:
      - {name: a, image: b}
"""
NO_IMAGE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: a}
spec:
  template:
    spec:
      containers:
      - {name: a}
"""
WHOLE = NO_SELECTOR.replace("  template:", "  selector: {}\n  template:")
REPLICAS = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 2}\n"


@pytest.mark.parametrize(
    ("file", "text", "judged"),
    [
        ("deploy-patch.yaml", NO_SELECTOR, False),
        ("manager_patch.yaml", NO_SELECTOR, False),
        ("patch.yaml", NO_IMAGE, False),
        ("overlays/patches/deploy.yaml", NO_IMAGE, False),
        ("Patch-Deploy.yml", "---\n" + NO_IMAGE, False),
        ("patch.yaml", NO_IMAGE.replace("batch/v1", "serving.kserve.io/v1alpha1"), False),
        ("patch.yaml", "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}]}\n", False),
        ("patch.yaml", WHOLE, True),  # nothing is missing: the name alone is no proof
        ("patch.yaml", POD, True),
        ("patch.yaml", REPLICAS, True),
        ("deploy.yaml", NO_SELECTOR, True),  # kustomize may add the selector with the labels
        ("deploy.yaml", NO_IMAGE, True),
        ("dispatch.yaml", NO_IMAGE, True),
        ("patchwork.yaml", NO_IMAGE, True),
    ],
)
def test_patches_that_nobody_names(file: str, text: str, judged: bool) -> None:
    (item,) = read_text(text, file)
    assert isinstance(item, Document) is judged
    assert judged or getattr(item, "reason", "") == PATCH


def test_a_resource_called_patch_is_judged_by_what_it_lacks_all_the_same(tmp_path: Path) -> None:
    """The name and the gap together decide, as kubectl would refuse such an object."""
    (tmp_path / "patch.yaml").write_text(WHOLE, encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text("resources: [patch.yaml]\n", encoding="utf-8")
    assert len(read_paths((str(tmp_path),)).documents) == 1

"""What kustomizations and charts render to, by a real kubectl and a real helm, and where its findings are said to stand."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from auditor.cli import cli
from tests.rendering.conftest import Tree

pytestmark = [pytest.mark.testbed, pytest.mark.usefixtures("tools")]

DEPLOYMENT = """\
# a model server
apiVersion: apps/v1
kind: Deployment
metadata:
  name: llm
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      containers:
        - name: proxy
          image: example.com/proxy:1.0
        - name: server
          image: example.com/llm:1.0
          resources:
            requests:
              nvidia.com/gpu: 1
"""
CHART = "apiVersion: v2\nname: llm\nversion: 0.1.0\n"
TEMPLATE = """\
{{- if .Values.gpus }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-train
  labels:
    {{- toYaml .Values.labels | nindent 4 }}
spec:
  activeDeadlineSeconds: 60
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: train
          image: example.com/train:1.0
          resources:
            requests:
              nvidia.com/gpu: {{ .Values.gpus }}
{{- end }}
"""
SERVER = 'spec.template.spec.containers[1].resources.requests["nvidia.com/gpu"]'
TRAINER = SERVER.replace("[1]", "[0]")
RULE = ("--rule", "gpu-request-not-equal-limit")


def scan(*arguments: str) -> tuple[dict[str, Any], int]:
    """The report, and the exit code."""
    done = CliRunner().invoke(cli, ["scan", *arguments, "-f", "json"], standalone_mode=False)
    if done.exception:
        raise done.exception
    report: dict[str, Any] = json.loads(done.output)
    return report, done.return_value


def places(report: dict[str, Any]) -> list[tuple[str, int, str, str]]:
    return [(f["file"], f["line"], f["path"], f["object"]["name"]) for f in report["findings"]]


def test_an_overlay_is_judged_at_the_lines_of_its_base(tree: Tree) -> None:
    tree(
        {
            "base/deployment.yaml": DEPLOYMENT,
            "base/kustomization.yaml": "resources: [deployment.yaml]\n",
            "overlays/prod/kustomization.yaml": "resources: [../../base]\nnamePrefix: prod-\nnamespace: prod\n",
        }
    )
    report, code = scan(".", "--render", *RULE)
    assert places(report) == [("base/deployment.yaml", 18, SERVER, "prod-llm")]
    assert report["findings"][0]["object"]["namespace"] == "prod"
    assert report["findings"][0]["message"].endswith("(as overlays/prod renders it)")
    assert report["not_judged"] == {"kustomization (rendered)": 2, "judged as rendered": 1}
    assert code == 1


def test_what_several_overlays_render_from_one_place_is_said_once(tree: Tree) -> None:
    overlays = {f"{name}/kustomization.yaml": f"resources: [../base]\nnamespace: {name}\n" for name in ("a", "b", "c")}
    tree({"base/deployment.yaml": DEPLOYMENT, "base/kustomization.yaml": "resources: [deployment.yaml]\n", **overlays})
    report, _ = scan(".", "--render", *RULE)
    assert [f["message"].partition(" (as ")[2] for f in report["findings"]] == ["a and 2 others render it)"]


def test_a_patch_takes_a_finding_away(tree: Tree) -> None:
    patch = "- op: add\n  path: /spec/template/spec/containers/1/resources/limits\n  value: {nvidia.com/gpu: 1}\n"
    tree(
        {
            "base/deployment.yaml": DEPLOYMENT,
            "base/kustomization.yaml": "resources: [deployment.yaml]\n",
            "prod/kustomization.yaml": "resources: [../base]\npatches: [{path: limits.yaml, target: {kind: Deployment}}]\n",
            "prod/limits.yaml": patch,
        }
    )
    assert places(scan(".", *RULE)[0]) == [("base/deployment.yaml", 18, SERVER, "llm")]
    assert places(scan(".", "--render", *RULE)[0]) == []


def test_what_a_patch_adds_stands_where_the_base_ends(tree: Tree) -> None:
    patch = "- op: add\n  path: /spec/template/spec/containers/0/resources\n  value: {requests: {nvidia.com/gpu: 2}}\n"
    tree(
        {
            "deployment.yaml": DEPLOYMENT,
            "kustomization.yaml": "resources: [deployment.yaml]\npatches: [{path: more.yaml, target: {kind: Deployment}}]\n",
            "more.yaml": patch,
        }
    )
    report, _ = scan(".", "--render", *RULE)
    assert [(file, line) for file, line, _, _ in places(report)] == [("deployment.yaml", 12), ("deployment.yaml", 18)]


def test_generated_objects_stand_in_the_kustomization(tree: Tree) -> None:
    token = "ghp_" + "a1B2" * 9
    tree({"k/kustomization.yaml": f"configMapGenerator:\n- name: settings\n  literals: ['TOKEN={token}']\n"})
    report, _ = scan("--kustomize", "k", "--profile", "strict")
    assert {finding["file"] for finding in report["findings"]} <= {"k/kustomization.yaml"}
    assert report["summary"]["objects"] == 1


def test_a_kustomization_is_rendered_beside_files(tree: Tree) -> None:
    tree({"a/deployment.yaml": DEPLOYMENT, "a/kustomization.yaml": "resources: [deployment.yaml]\n", "b.yaml": DEPLOYMENT})
    report, _ = scan("b.yaml", "--kustomize", "a", *RULE)
    assert [file for file, *_ in places(report)] == ["a/deployment.yaml", "b.yaml"]


def test_suppressions_of_the_base_hold(tree: Tree) -> None:
    silenced = DEPLOYMENT.replace("gpu: 1\n", "gpu: 1  # mlaudit: ignore[gpu-request-not-equal-limit] a test\n")
    tree({"deployment.yaml": silenced, "kustomization.yaml": "resources: [deployment.yaml]\nnamePrefix: x-\n"})
    report, code = scan(".", "--render", *RULE)
    assert [(s["line"], s["reason"]) for s in report["suppressed"]] == [(18, "a test")]
    assert (report["findings"], code) == ([], 0)


def test_a_broken_kustomization_costs_only_itself(tree: Tree) -> None:
    tree({"a/kustomization.yaml": "resources: [gone.yaml]\n", "b/deployment.yaml": DEPLOYMENT, "c/kustomization.yaml": "resources: {}\n"})
    report, code = scan(".", "--render", *RULE)
    assert [(u["file"], u["reason"].partition(":")[0]) for u in report["unread"]] == [
        ("a/kustomization.yaml", "cannot be rendered"),
        ("c/kustomization.yaml", "cannot be rendered"),
    ]
    assert "'gone.yaml', which does not exist" in report["unread"][0]["reason"]
    assert [file for file, *_ in places(report)] == ["b/deployment.yaml"]
    assert code == 3


def test_kustomizations_in_a_circle_end(tree: Tree) -> None:
    tree({"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n"})
    report, code = scan("--kustomize", "a")
    assert "cycle" in report["unread"][0]["reason"]
    assert code == 3


def test_a_chart_is_judged_at_the_lines_of_its_template(tree: Tree) -> None:
    tree({"c/Chart.yaml": CHART, "c/values.yaml": "gpus: 2\nlabels: {a: b, c: d}\n", "c/templates/job.yaml": TEMPLATE})
    report, code = scan(".", "--render", *RULE)
    assert places(report) == [("c/templates/job.yaml", 18, TRAINER, "llm-train")]
    assert report["findings"][0]["message"].endswith("(as c renders it)")
    assert report["not_judged"] == {"Helm chart (rendered)": 1, "judged as rendered": 1, "Helm values file": 1}
    assert code == 1


@pytest.mark.parametrize("name", ["../other/a.yaml", "templates/link.txt"])
def test_a_template_cannot_name_a_file_that_is_none_of_the_charts(tree: Tree, name: str) -> None:
    spoof = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\n...\n# Source: llm/{name}\n{DEPLOYMENT}"
    tree({"c/Chart.yaml": CHART, "c/templates/spoof.yaml": spoof, "other/a.yaml": "a: b\n", ".git/HEAD": ""})
    Path("c/templates/link.txt").symlink_to(Path("other/a.yaml").resolve())
    report, _ = scan("c", "--render", *RULE)
    assert [place[:2] for place in places(report)] == [("c/Chart.yaml", 1)]


def test_charts_inside_of_a_chart_are_rendered_with_it(tree: Tree) -> None:
    inner = {"c/charts/sub/Chart.yaml": CHART.replace("llm", "sub"), "c/charts/sub/templates/a.yaml": DEPLOYMENT}
    tree({"c/Chart.yaml": CHART, "c/templates/none.yaml": "{{- if false }}\na: b\n{{- end }}\n", **inner})
    report, _ = scan(".", "--render", *RULE)
    assert [file for file, *_ in places(report)] == ["c/charts/sub/templates/a.yaml"]
    assert report["not_judged"] == {"Helm chart (rendered)": 2, "judged as rendered": 2}


def test_values_of_the_user_win(tree: Tree) -> None:
    files = {"c/Chart.yaml": CHART, "c/values.yaml": "gpus: 0\nlabels: {}\n", "c/templates/job.yaml": TEMPLATE, "prod.yaml": "gpus: 4\n"}
    tree(files)
    assert places(scan("c", "--render", *RULE)[0]) == []
    assert "4" in scan("c", "--render", "--helm-values", "prod.yaml", *RULE)[0]["findings"][0]["message"]


def test_comments_of_a_template_silence(tree: Tree) -> None:
    silenced = TEMPLATE.replace("gpus }}\n{{- end", "gpus }}  # mlaudit: ignore[gpu-request-not-equal-limit] a test\n{{- end")
    tree({"c/Chart.yaml": CHART, "c/values.yaml": "gpus: 2\nlabels: {a: b}\n", "c/templates/job.yaml": silenced})
    report, _ = scan(".", "--render", *RULE)
    assert [(s["file"], s["line"]) for s in report["suppressed"]] == [("c/templates/job.yaml", 18)]
    assert report["findings"] == []


def test_a_packed_dependency_stands_where_the_chart_names_it(tree: Tree) -> None:
    tree({"c/Chart.yaml": CHART + "dependencies:\n  - version: 0.1.0\n    name: trainer\n"})
    Path("c/charts").mkdir()
    with tarfile.open("c/charts/trainer-0.1.0.tgz", "w:gz") as packed:
        for name, text in (
            ("Chart.yaml", CHART.replace("name: llm", "name: trainer")),
            ("values.yaml", "gpus: 1\nlabels: {}\n"),
            ("templates/job.yaml", TEMPLATE),
        ):
            info = tarfile.TarInfo(f"trainer/{name}")
            info.size = len(text)
            packed.addfile(info, io.BytesIO(text.encode()))
    report, _ = scan("c", "--render", *RULE)
    assert [(file, line) for file, line, _, _ in places(report)] == [("c/Chart.yaml", 6)]


def test_charts_that_helm_refuses_are_named(tree: Tree) -> None:
    tree(
        {
            "a/Chart.yaml": CHART + "dependencies:\n  - {name: gone, version: 1.0.0, repository: 'https://example.com'}\n",
            "b/Chart.yaml": CHART,
            "b/templates/x.yaml": '{{ fail "no values given" }}\n',
            "lib/Chart.yaml": CHART + "type: library\n",
            "d.yaml": DEPLOYMENT,
        }
    )
    report, code = scan(".", "--render", *RULE)
    first, second = report["unread"]
    assert (first["file"], first["remedy"]) == ("a/Chart.yaml", "run `helm dependency build a`")
    assert second["file"] == "b/Chart.yaml"
    assert "no values given" in second["reason"]
    assert report["not_judged"]["Helm library chart"] == 1
    assert [file for file, *_ in places(report)] == ["d.yaml"]
    assert code == 3


def test_a_template_that_renders_to_no_yaml_is_named(tree: Tree) -> None:
    tree({"c/Chart.yaml": CHART, "c/templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: 'open\n"})
    report, code = scan(".", "--render")
    assert report["unread"][0]["file"] in {"c/Chart.yaml", "c/templates/x.yaml"}
    assert code == 3

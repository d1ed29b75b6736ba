"""Options before the file, the file before the defaults, and what the rules then do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from auditor.accelerators import DeviceTable
from auditor.config.keys import KEYS
from auditor.config.schema import schema
from auditor.document import Document
from auditor.live import Node
from auditor.quotas import Quota, device_keys
from auditor.registry import load_rules
from auditor.source.text import read_text
from tests.config.writing import TAG, places, pod, run, scanned, written
from tests.custom.rules import written as own_rule

EVERYTHING = f"""\
profile: production
rules:
  privileged-container: off
  {TAG}: critical
  owner-label-missing: {{enabled: true, severity: low, options: {{keys: [team, owner]}}}}
ignore:
- {{rules: {TAG}, path: [legacy/, "*.old.yaml"], kind: Pod, namespace: ml, name: "a*", labels: {{team: "*", paid: true}},
   reason: known, until: 2099-01-31}}
- {{rules: "*", path: gone, reason: known}}
fail_on: never
min_severity: low
min_confidence: medium
complete: true
kubernetes_version: "1.30"
exclude: vendor/
owner_labels: [example.com/team, team]
allowed_registries: ghcr.io
resources: example.com/npu
rule_dirs: policies
"""


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, tuple[object, str]]:
    assert run("config", "-f", "json", *arguments) == 0
    return {key: (entry["value"], entry["from"]) for key, entry in json.loads(capsys.readouterr().out)["values"].items()}


def test_each_value_says_where_it_comes_from(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mlaudit.yaml").write_text("profile: production\nfail_on: low\nrules:\n  trust-remote-code: off\n")
    found = shown(capsys, "--fail-on", "critical", "--option", "liveness-kills-loading-model.min_startup_seconds=9", "--exclude-rule", TAG)
    assert found["profile"] == ("production", "mlaudit.yaml:1")
    assert found["fail_on"] == ("critical", "--fail-on")
    assert found["min_severity"] == ("info", "default")
    assert found["rules.trust-remote-code.enabled"] == (False, "mlaudit.yaml:4")
    assert found["rules.liveness-kills-loading-model.options.min_startup_seconds"] == (9, "--option")
    assert found[f"rules.{TAG}.enabled"] == (False, "--exclude-rule")


def test_an_option_at_its_default_goes_before_the_file_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mlaudit.yaml").write_text("profile: production\nfail_on: low\n")
    found = shown(capsys, "--profile", "recommended", "--fail-on", "high")
    assert (found["profile"], found["fail_on"]) == (("recommended", "--profile"), ("high", "--fail-on"))


def test_a_rule_that_is_named_is_asked_although_the_file_turns_it_off(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod())
    (here / "mlaudit.yaml").write_text(f"rules:\n  {TAG}: off\n")
    assert TAG not in {rule for rule, _, _ in places(scanned(capsys, "."))}
    assert places(scanned(capsys, "--rule", TAG, ".")) == [(TAG, "a.yaml", 7)]
    assert shown(capsys, "--rule", TAG)[f"rules.{TAG}.enabled"] == (True, "--rule")


def test_a_rule_can_be_turned_on_that_the_profile_does_not_contain(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod())
    strict = {rule for rule, _, _ in places(scanned(capsys, "--profile", "strict", "."))}
    usual = {rule for rule, _, _ in places(scanned(capsys, "."))}
    name = min(strict - usual)
    (here / "mlaudit.yaml").write_text(f"rules:\n  {name}: on\n")
    assert {rule for rule, _, _ in places(scanned(capsys, "."))} == usual | {name}
    assert name not in {rule for rule, _, _ in places(scanned(capsys, "--exclude-rule", name, "."))}
    assert name not in {rule for rule, _, _ in places(scanned(capsys, "--no-config", "."))}


def test_severities_are_overridden(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod())
    (here / "mlaudit.yaml").write_text(f"rules:\n  {TAG}: critical\n")
    assert [finding["severity"] for finding in scanned(capsys, "--rule", TAG, ".")["findings"]] == ["critical"]
    assert run("scan", ".") == 1
    capsys.readouterr()
    (here / "mlaudit.yaml").write_text(f"rules:\n  {TAG}: info\nmin_severity: low\n")
    assert TAG not in {rule for rule, _, _ in places(scanned(capsys, "."))}


def test_fail_on_and_exit_codes(here: Path) -> None:
    (here / "a.yaml").write_text(pod())
    assert run("scan", ".") == 0
    (here / "mlaudit.yaml").write_text("fail_on: medium\n")
    assert run("scan", ".") == 1
    assert run("scan", "--fail-on", "high", ".") == 0


def test_options_of_rules_and_allowed_registries(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod())
    rule = ("--rule", "registry-not-allowed")
    (here / "mlaudit.yaml").write_text("allowed_registries: quay.io\n")
    assert places(scanned(capsys, *rule, ".")) == [("registry-not-allowed", "a.yaml", 7)]
    assert places(scanned(capsys, *rule, "--option", "registry-not-allowed.allowed=ghcr.io", ".")) == []
    (here / "mlaudit.yaml").write_text("allowed_registries: quay.io\nrules:\n  registry-not-allowed: {options: {allowed: ghcr.io}}\n")
    assert places(scanned(capsys, *rule, ".")) == [], "what is said below the rule's name is nearer"


def test_what_is_excluded_is_counted_and_not_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("k8s", "vendor", "k8s/vendor"):
        (here / folder).mkdir()
        (here / folder / "a.yaml").write_text(pod())
    (here / "b.generated.yaml").write_text("a: [\n")
    (here / "mlaudit.yaml").write_text("exclude: [vendor/, '*.generated.yaml']\n")
    report = scanned(capsys, "--rule", TAG, ".")
    assert places(report) == [(TAG, "k8s/a.yaml", 7)]
    assert report["not_judged"]["excluded by the configuration"] == 3
    assert places(scanned(capsys, "--rule", TAG, "k8s/a.yaml", "vendor/a.yaml")) == [(TAG, "k8s/a.yaml", 7)], "also where it is named"


def test_the_file_itself_is_no_stray_manifest(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod())
    (here / "inner").mkdir()
    (here / "mlaudit.yaml").write_text(f"ignore:\n- {{rules: {TAG}, kind: Pod, reason: known}}\n")
    (here / "inner" / "mlaudit.yaml").write_text("a: [\n")
    report = scanned(capsys, ".")
    assert report["not_judged"] == {"configuration of mlaudit": 2}
    assert report["unread"] == []


def test_config_names_a_file_anywhere(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod())
    (here / "mlaudit.yaml").write_text("fail_on: low\n")
    elsewhere = here.parent / "elsewhere.yaml"
    elsewhere.write_text(f"rules:\n  {TAG}: off\n")
    assert TAG not in {rule for rule, _, _ in places(scanned(capsys, "--config", str(elsewhere), "."))}
    assert run("scan", "--config", "nowhere.yaml", ".") == 2
    assert capsys.readouterr().err == "mlaudit: there is no file 'nowhere.yaml'; check --config\n"
    assert run("scan", "--config", "mlaudit.yaml", "--no-config", ".") == 2


def test_yaml_means_the_same(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "policies").mkdir()
    own_rule(here / "policies")
    first = written(here, EVERYTHING)
    assert set(first.values) == {key.name for key in KEYS}, "the example holds every key"
    assert run("config", "-f", "yaml") == 0
    again = written(here, capsys.readouterr().out)
    for key in first.values:
        if key == "ignore":
            for one, other in zip(first.values[key], again.values[key], strict=True):
                assert (one.rules, one.reason, one.until, one.place) == (other.rules, other.reason, other.until, other.place)
        elif key == "rules":
            for name, one in first.values[key].items():
                other = again.values[key][name]
                assert (one.enabled, one.severity, one.options) == (other.enabled, other.severity, other.options)
        else:
            assert first.values[key] == again.values[key]


def test_text_names_every_key_with_its_origin(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "policies").mkdir()
    own_rule(here / "policies")
    (here / "mlaudit.yaml").write_text(EVERYTHING)
    assert run("config") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mlaudit.yaml"
    assert re.fullmatch(r"profile +mlaudit.yaml:1 +production", lines[2])
    assert any(re.fullmatch(r"ignore +mlaudit.yaml:9 +\* in path gone: known", line) for line in lines)
    assert run("config", "--no-config") == 0
    assert capsys.readouterr().out.splitlines()[0] == "there is no mlaudit.yaml"


def test_schema_takes_what_the_reader_takes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "--schema") == 0
    made = json.loads(capsys.readouterr().out)
    assert made == schema(load_rules())
    jsonschema.Draft7Validator.check_schema(made)
    check = jsonschema.Draft7Validator(made)
    for text in (EVERYTHING, "{}", "rules: {trust-remote-code: 'off', privileged-container: {severity: low}}", "exclude: [a]"):
        check.validate(yaml.safe_load(text.replace("2099-01-31", "'2099-01-31'")))
    for text in (
        "profil: strict", "profile: prod", "complete: 1", "kubernetes_version: 1.3", "exclude: []", f"rules: {{{TAG}: severe}}",
        f"rules: {{{TAG}: {{options: {{a: 1}}}}}}", "ignore: [{rules: a}]", "ignore: [{reason: a}]",
        "ignore: [{rules: a, reason: b, c: d}]", "ignore: [{rules: a, reason: b, until: tomorrow}]", "fail_on: 3",
    ):  # fmt: skip
        assert not check.is_valid(yaml.safe_load(text)), text


def test_paths_are_relative_to_the_folder_of_a_file_that_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "ci" / "k8s").mkdir(parents=True)
    for folder in (here, here / "ci" / "k8s"):
        (folder / "a.yaml").write_text(pod())
    (here / "ci" / "settings.yaml").write_text("exclude: k8s/\n")
    assert places(scanned(capsys, "--rule", TAG, "--config", "ci/settings.yaml", ".")) == [(TAG, "a.yaml", 7)]


def test_owner_labels_are_those_of_the_rule_and_of_costs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = pod().replace("    image", "    resources: {limits: {nvidia.com/gpu: 1}}\n    image")
    (here / "a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: ml, labels: {squad: vision}}\n---\n" + text)
    rule = ("--rule", "owner-label-missing", "--cost")
    report = scanned(capsys, *rule, ".")
    assert (report["findings"], report["potential"]["lines"][0]["team"]) == ([], "search")
    (here / "mlaudit.yaml").write_text("owner_labels: squad\n")
    assert scanned(capsys, *rule, ".")["potential"]["lines"][0]["team"] == "vision"
    (here / "mlaudit.yaml").write_text("owner_labels: cell\n")
    assert [finding["rule"] for finding in scanned(capsys, *rule, ".")["findings"]] == ["owner-label-missing"]


def test_own_resources_are_accelerators(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asks = pod().replace("    image", "    resources: {requests: {example.com/npu: 2}, limits: {example.com/npu: 1}}\n    image")
    (here / "a.yaml").write_text(asks)
    differs = ("--rule", "owner-label-missing", "--rule", "gpu-key-unknown", "--option", "owner-label-missing.keys=nobody")
    report = scanned(capsys, *differs, "--complete", ".")
    assert (report["findings"], report["summary"]["gpus_requested"]) == ([], 0)
    (here / "mlaudit.yaml").write_text("resources: example.com/npu\n")
    report = scanned(capsys, *differs, "--complete", ".")
    assert [finding["rule"] for finding in report["findings"]] == ["owner-label-missing"]
    assert "holds 1 example.com/npu" in report["findings"][0]["message"]
    assert (report["summary"]["gpus_requested"], report["summary"]["accelerated_workloads"]) == (1, 1)
    potential = scanned(capsys, "--rule", "gpu-key-unknown", "--cost", ".")["potential"]
    assert [part["device"] for part in potential["lines"][0]["parts"]] == ["example.com/npu"]


def test_own_resources_are_devices_of_quotas_and_nodes() -> None:
    table = DeviceTable(frozenset({"example.com/npu"}))
    text = (
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {requests.example.com/npu: 4, requests.cpu: 1}}\n---\n"
        "apiVersion: v1\nkind: Node\nmetadata: {name: n}\nstatus: {capacity: {example.com/npu: 8}, allocatable: {example.com/npu: 7}}\n"
    )
    quota, node = (item for item in read_text(text, "a.yaml") if isinstance(item, Document))
    assert device_keys(Quota.read(quota, "spec"), table) == ["requests.example.com/npu"]
    assert [(one.key, one.capacity, one.allocatable) for one in Node(node, (), (), table).devices] == [("example.com/npu", 8, 7)]
    assert Node(node, ()).devices == ()

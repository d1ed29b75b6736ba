"""What is mended, judged again and taken back; and files that are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.config import Settings
from auditor.errors import AuditError
from auditor.fix import Fixes, fix
from auditor.fix.files import store
from auditor.source import read_paths
from tests.fix.mend import FIXABLE, RULES, after, judge, mend

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: evaluate
spec:
  template:
    spec:
      containers:
      - name: evaluate
        image: ghcr.io/example/evaluate:2.1
"""
MENDED = JOB + "      restartPolicy: Never\n"


def mend_file(file: Path, *, rules: tuple[str, ...] = tuple(FIXABLE)) -> Fixes:
    return fix(read_paths((str(file),)), Settings(rules=frozenset(rules)), RULES)


def reasons(fixes: Fixes) -> list[str]:
    return [entry.why for entry in fixes.not_fixed]


def test_suppressed_findings_are_left() -> None:
    text = JOB.replace(
        "    spec:\n      con", "    spec: # mlaudit: ignore[job-restart-policy-invalid] a webhook sets it\n      con"
    ).encode()
    fixes = mend(text)
    assert fixes.files == {}
    assert fixes.fixed == fixes.not_fixed == []


def test_what_brings_out_something_else_is_taken_back() -> None:
    """The renamed quota would reject the workload beside it."""
    text = b"""\
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpus, namespace: team-a}
spec:
  hard: {limits.nvidia.com/gpu: "1"}
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: team-a}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:1.0
    resources: {limits: {nvidia.com/gpu: 8}}
---
"""
    fixes = mend(text + JOB.encode())
    assert [finding.rule for finding in fixes.fixed] == ["job-restart-policy-invalid"]
    assert reasons(fixes) == ["quota-rejects-workload would then find fault"]
    assert after(fixes, text) == text + MENDED.encode()


def test_only_findings_that_are_asked_for_are_mended() -> None:
    assert mend(JOB.encode(), "quota-key-ignored").files == {}


def test_nothing_new_is_found_afterwards() -> None:
    before, then = judge(JOB.encode()), judge(MENDED.encode())
    assert {finding.fingerprint for finding in then.findings} < {finding.fingerprint for finding in before.findings}


@pytest.mark.parametrize(
    "line",
    ['        args: ["{{ .Values.model }}"]', "        # {{- if .Values.model }}", "        args: ['{% if model %}x{% endif %}']"],
)
def test_templates_are_left(tmp_path: Path, line: str) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(f"{JOB}{line}\n")
    assert reasons(mend_file(file)) == ["the file is a template: it has double braces"]


def test_braces_in_the_prose_of_a_page_are_no_template(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"{{{{< note >}}}}\n```yaml\n{JOB}```\n")
    assert len(mend_file(file).fixed) == 1


def test_double_braces_in_a_block_of_text_are_no_template(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(f"{JOB}        args:\n        - |\n          {{{{ messages }}}}\n")
    assert len(mend_file(file).fixed) == 1


def test_links_are_left(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(JOB)
    link = tmp_path / "link.yaml"
    link.symlink_to("job.yaml")
    assert reasons(mend_file(link)) == ["the file is a symbolic link, or none that can be replaced"]


def test_kustomize_patches_are_left(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("patches:\n- path: job.yaml\n")
    (tmp_path / "job.yaml").write_text(JOB)
    fixes = mend_file(tmp_path)
    assert fixes.files == {}
    assert fixes.not_fixed == []


def test_objects_as_text_in_objects_are_left() -> None:
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: a-}\nspec:\n  templates:\n  - name: a\n    resource:\n"
    )
    text += "      action: create\n      manifest: |\n" + "".join(f"        {line}\n" for line in JOB.splitlines())
    fixes = mend(text.encode())
    assert reasons(fixes) == ["the object is not written out there"]


def test_a_file_that_changes_meanwhile_is_left(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(JOB)
    reading = read_paths((str(file),))
    file.write_text(JOB.replace("evaluate:2.1", "evaluate:2.2"))
    assert reasons(fix(reading, Settings(), RULES)) == ["the file has changed since it was read"]
    with pytest.raises(AuditError, match="has changed"):
        store(str(file), JOB.encode(), MENDED.encode())


def test_writing_keeps_the_mode_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(JOB)
    file.chmod(0o640)
    store(str(file), JOB.encode(), MENDED.encode())
    assert file.read_text() == MENDED
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["job.yaml"]
    link = tmp_path / "link.yaml"
    link.symlink_to("job.yaml")
    with pytest.raises(AuditError):
        store(str(link), MENDED.encode(), JOB.encode())
    assert file.read_text() == MENDED


def test_many_objects_in_one_file() -> None:
    text = "---\n".join(JOB.replace("evaluate\nspec", f"evaluate-{number}\nspec") for number in range(300)).encode()
    fixes = mend(text, "job-restart-policy-invalid")
    assert len(fixes.fixed) == 300
    assert after(fixes, text).count(b"restartPolicy: Never") == 300


def test_one_that_cannot_be_mended_does_not_hold_up_the_others() -> None:
    shared = JOB.replace("  template:\n    spec:\n", "  template: &t\n    spec:\n").replace("\n", "\n  ").rstrip()
    sharing = "- apiVersion: batch/v1\n  kind: Job\n  metadata: {name: b}\n  spec: {template: *t}\n"
    of_list = f"apiVersion: v1\nkind: List\nitems:\n- {shared}\n{sharing}"
    text = f"{of_list}---\n{JOB}".encode()
    fixes = mend(text)
    assert len(fixes.fixed) == 1
    assert sorted(reasons(fixes)) == ["other places of the file share the text (&t)", "other places of the file share the text (*t)"]


def test_it_is_not_looked_for_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can tell whose patch does harm, everything is judged again and again; but not more often than that."""
    monkeypatch.setattr("auditor.fix.mending._Mending.objection", lambda *_: ("harm", []))
    monkeypatch.setattr("auditor.fix.mending._TRIES", 5)
    text = "---\n".join(JOB.replace("evaluate\nspec", f"evaluate-{number}\nspec") for number in range(40)).encode()
    fixes = mend(text, "job-restart-policy-invalid")
    assert fixes.files == {}
    assert len(fixes.not_fixed) == 40
    assert set(reasons(fixes)) <= {"harm", "too many other patches of this run do harm; name fewer files or rules"}

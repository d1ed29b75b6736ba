"""``--baseline`` and ``mlaudit baseline`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.running import run, scanned

BASELINE = "mlaudit-baseline.json"


def pod(name: str, *, limit: bool = False, image: str = "a:latest", comment: str = "") -> str:
    memory = ", memory: 1Gi" if limit else ""
    resources = f"{{requests: {{cpu: 1, memory: 1Gi}}, limits: {{nvidia.com/gpu: 1{memory}}}}}"
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: ml}}\nspec:\n  containers:\n  - name: main\n"
        f"    image: {image}\n    resources: {resources}  {comment}\n"
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "k8s").mkdir(parents=True)
    monkeypatch.chdir(folder)
    (folder / "k8s" / "a.yaml").write_text(pod("a"))
    return folder


def names(findings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(finding["rule"], finding["file"]) for finding in findings]


def test_only_what_is_not_in_the_baseline_is_reported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("baseline", "k8s") == 0
    assert capsys.readouterr().out.startswith(f"{BASELINE}: 2 findings in 1 files, by ")
    report = scanned(capsys, "--baseline", BASELINE, "k8s")
    assert (report["findings"], report["comparison"]["fixed"], len(report["comparison"]["unchanged"])) == ([], [], 2)
    (here / "k8s" / "b.yaml").write_text(pod("b", limit=True))
    (here / "k8s" / "a.yaml").write_text("# moved\n\n" + pod("a", image="a:1"))
    report = scanned(capsys, "--baseline", BASELINE, "k8s")
    assert names(report["findings"]) == [("image-tag-floating", "k8s/b.yaml")]
    assert names(report["comparison"]["unchanged"]) == [("memory-limit-missing", "k8s/a.yaml")]
    assert names(report["comparison"]["fixed"]) == [("image-tag-floating", "k8s/a.yaml")]
    assert report["summary"]["findings"]["medium"] == 1
    assert report["comparison"]["notes"] == ["1 entries of the baseline are fixed: writing it again (`mlaudit baseline`) makes it shorter"]


def test_the_exit_code_looks_at_new_findings(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("baseline", "k8s")
    assert run("scan", "--fail-on", "low", "k8s") == 1
    assert run("scan", "--fail-on", "low", "--baseline", BASELINE, "k8s") == 0
    (here / "k8s" / "b.yaml").write_text(pod("b"))
    assert run("scan", "--fail-on", "low", "--baseline", BASELINE, "k8s") == 1
    (here / "k8s" / "b.yaml").write_text("a: [")
    assert run("scan", "--fail-on", "low", "--baseline", BASELINE, "k8s") == 3


def test_every_format_says_what_is_new(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("baseline", "k8s")
    (here / "k8s" / "a.yaml").write_text(pod("a", image="a:1"))
    (here / "k8s" / "b.yaml").write_text(pod("b", limit=True))
    for form in ("table", "markdown", "html", "yaml", "json"):
        capsys.readouterr()
        run("scan", "-f", form, "--baseline", BASELINE, "k8s")
        out = capsys.readouterr().out
        said = "against: baseline" in out or '"against": "baseline' in out
        assert "1 new, 1 fixed, 1 unchanged against baseline" in out or said, form
    run("scan", "-v", "--baseline", BASELINE, "k8s")
    assert "Fixed: 1\n  k8s/a.yaml  image-tag-floating on Pod ml/a\n" in capsys.readouterr().out
    run("scan", "-q", "--baseline", BASELINE, "k8s")
    assert "1 new, 1 fixed, 1 unchanged" in capsys.readouterr().out


def test_a_stored_report_keeps_what_it_was_compared_with(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("baseline", "k8s")
    (here / "k8s" / "a.yaml").write_text(pod("a", image="a:1"))
    (here / "k8s" / "b.yaml").write_text(pod("b", limit=True))
    run("scan", "-f", "json=report.json", "-f", "markdown=report.md", "--baseline", BASELINE, "k8s")
    capsys.readouterr()
    run("report", "report.json", "-f", "markdown")
    assert capsys.readouterr().out == Path("report.md").read_text()
    run("report", "report.json", "-f", "json")
    assert capsys.readouterr().out == Path("report.json").read_text()


def test_a_baseline_is_stable_and_has_an_entry_on_a_line(here: Path) -> None:
    (here / "k8s" / "b.yaml").write_text(pod("b") + "---\n" + pod("b"))
    run("baseline", "k8s")
    first = Path(BASELINE).read_text()
    entries = [json.loads(line.strip().rstrip(",")) for line in first.splitlines() if "fingerprint" in line]
    assert [(entry["file"], entry["object"], entry["rule"], entry["count"]) for entry in entries] == [
        ("k8s/a.yaml", "Pod ml/a", "image-tag-floating", 1),
        ("k8s/a.yaml", "Pod ml/a", "memory-limit-missing", 1),
        ("k8s/b.yaml", "Pod ml/b", "image-tag-floating", 2),
        ("k8s/b.yaml", "Pod ml/b", "memory-limit-missing", 2),
    ]
    (here / "k8s" / "a.yaml").write_text("# moved\n\n" + pod("a"))
    run("baseline", str(here / "k8s"))
    assert Path(BASELINE).read_text() == first, "neither lines nor the way the paths were given"


def test_paths_mean_the_same_from_everywhere(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run("baseline", "k8s")
    for folder, arguments in (("k8s", ("../" + BASELINE, ".")), ("k8s", ("../" + BASELINE, str(here))), (".", (BASELINE, "k8s/a.yaml"))):
        monkeypatch.chdir(here / folder)
        report = scanned(capsys, "--baseline", *arguments)
        assert (report["findings"], report["comparison"]["fixed"]) == ([], []), arguments


def test_what_is_not_scanned_is_not_fixed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "k8s" / "b.yaml").write_text(pod("b"))
    (here / "other.yaml").write_text(pod("c"))
    run("baseline", ".")
    report = scanned(capsys, "--baseline", BASELINE, "k8s/a.yaml")
    assert (report["findings"], report["comparison"]["fixed"], len(report["comparison"]["unchanged"])) == ([], [], 2)
    (here / "k8s" / "b.yaml").unlink()
    assert len(scanned(capsys, "--baseline", BASELINE, "k8s")["comparison"]["fixed"]) == 2
    (here / "k8s" / "a.yaml").write_text("a: [")
    assert len(scanned(capsys, "--baseline", BASELINE, "k8s")["comparison"]["fixed"]) == 2, "what cannot be read is not fixed"


def test_what_is_known_of_one_overlay_says_nothing_of_another(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("baseline", "k8s")
    (here / "prod").mkdir()
    (here / "prod" / "a.yaml").write_text(pod("a"))
    assert len(scanned(capsys, "--baseline", BASELINE, "prod")["findings"]) == 2
    assert names(scanned(capsys, "--baseline", BASELINE, ".")["findings"]) == [
        ("image-tag-floating", "prod/a.yaml"),
        ("memory-limit-missing", "prod/a.yaml"),
    ]
    (here / "k8s" / "a.yaml").unlink()
    assert scanned(capsys, "--baseline", BASELINE, "prod")["findings"] == [], "it moved there"


def test_rules_and_thresholds_of_the_run_and_of_the_baseline(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("baseline", "--exclude-rule", "image-tag-floating", "k8s")
    report = scanned(capsys, "--baseline", BASELINE, "k8s")
    assert names(report["findings"]) == [("image-tag-floating", "k8s/a.yaml")]
    assert report["comparison"]["notes"] == ["1 of rules that were not asked when the baseline was written: image-tag-floating"]
    run("baseline", "k8s")
    report = scanned(capsys, "--baseline", BASELINE, "--rule", "memory-limit-missing", "k8s")
    assert (report["findings"], report["comparison"]["fixed"]) == ([], []), "a rule that is not asked fixes nothing"
    report = scanned(capsys, "--baseline", BASELINE, "--min-severity", "critical", "k8s")
    assert (report["findings"], report["comparison"]["fixed"], report["comparison"]["unchanged"]) == ([], [], [])
    run("baseline", "--min-severity", "critical", "k8s")
    assert len(scanned(capsys, "--baseline", BASELINE, "k8s")["findings"]) == 2


def test_silenced_findings_are_neither_new_nor_fixed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("baseline", "k8s")
    (here / "k8s" / "a.yaml").write_text(pod("a", comment="# mlaudit: ignore[memory-limit-missing] it is known"))
    report = scanned(capsys, "--baseline", BASELINE, "k8s")
    assert (report["findings"], report["comparison"]["fixed"], len(report["suppressed"])) == ([], [], 1)
    run("baseline", "k8s")
    (here / "k8s" / "a.yaml").write_text(pod("a"))
    assert names(scanned(capsys, "--baseline", BASELINE, "k8s")["findings"]) == [("memory-limit-missing", "k8s/a.yaml")]


GOOD = {"mlaudit-baseline": 1, "rules": [], "findings": []}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "the baseline x.json cannot be read: No such file or directory; `mlaudit baseline PATH... -o x.json` writes one"),
        ("", "the baseline x.json is no JSON"),
        ("\xff", "the baseline x.json is no JSON"),
        ("[" * 100_000, "the baseline x.json is no JSON"),
        ("[]", "x.json is no baseline of mlaudit"),
        ('{"version": 1, "findings": []}', "x.json is no baseline of mlaudit"),
        (json.dumps({**GOOD, "mlaudit-baseline": 2}), "the baseline x.json has version 2, and this mlaudit knows version 1"),
        (json.dumps({**GOOD, "findings": {}}), "the baseline x.json has no lists of rules and findings"),
        (json.dumps({**GOOD, "findings": [1]}), "the baseline x.json is broken: finding 1 is not one"),
        (
            json.dumps({**GOOD, "findings": [{"file": "a", "object": "", "rule": "a", "fingerprint": "0" * 16, "count": 10**12}]}),
            "the baseline x.json is broken",
        ),
        (json.dumps({**GOOD, "findings": [{"file": "a", "object": "", "rule": "a", "fingerprint": "x"}]}), "the baseline x.json is broken"),
    ],
)
def test_what_is_no_baseline_is_said_in_a_line(here: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str) -> None:
    if content is not None:
        Path("x.json").write_bytes(content.encode("latin-1"))
    assert run("scan", "--baseline", "x.json", "k8s") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"mlaudit: {said}")
    assert error.count("\n") == 1


def test_a_baseline_of_standard_input(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    def piped() -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pod("a").encode())))

    piped()
    assert run("baseline", "-") == 0
    piped()
    report = scanned(capsys, "--baseline", BASELINE, "-")
    assert (report["findings"], report["comparison"]["fixed"]) == ([], [])
    assert scanned(capsys, "--baseline", BASELINE, "k8s")["comparison"]["fixed"] == [], "it was not read"

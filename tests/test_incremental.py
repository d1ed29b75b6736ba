"""Judging only what may have changed says what judging everything says: over a history of 200 commits, each of them."""

from __future__ import annotations

import datetime
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main
from auditor.cli.judging import asked, judged, seen
from auditor.cli.only import against, scan_new
from auditor.comparison import Known
from auditor.config import Settings
from auditor.engine import evaluate
from auditor.finding import Finding
from auditor.incremental import State, Tree, _Step, advance
from auditor.incremental.store import Store, name_of
from auditor.registry import load_rules
from auditor.report import Report
from auditor.rule import Profile
from auditor.source import Reading, read_paths
from tests.history import Repository, history

STRICT = Settings(profile=Profile.STRICT, jobs=1)
COMMITS = 200


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Repository(folder)


def contents(reading: Reading) -> dict[str, str]:
    files = {item.file for items in (reading.documents, reading.unread, reading.not_judged) for item in items}
    return {file: Path(file).read_text() for file in files if Path(file).is_file()}


def test_what_is_judged_again_is_enough(repository: Repository, tmp_path: Path) -> None:
    known, rules, store = load_rules(), asked(STRICT), Store(str(repository.folder), str(tmp_path / "cache"))
    judged_again = objects = 0
    day = datetime.date(2024, 1, 1)
    for message in history(repository, COMMITS):
        day += datetime.timedelta(days=31)  # what is silenced for a time does not stay so
        settings = replace(STRICT, today=day)
        reading = read_paths((".",), jobs=1)
        expected = evaluate(seen(reading, settings), rules, settings, unread=reading.unread, known=known)
        noted = store.load("state")
        before = {id(entry) for file in noted.files.values() for entry in file.entries}
        state, outcome = advance(noted, Tree(seen(reading, settings), reading.unread, contents(reading)), rules, settings, known)
        assert outcome == expected, message
        assert expected.failures == []
        store.save("state", state)
        assert store.load("state") == state
        entries = [entry for file in state.files.values() for entry in file.entries]
        judged_again += sum(id(entry) not in before for entry in entries)
        objects += len(entries)
    assert judged_again < objects * 0.8, "the tree is small, and half of the commits change what rules look up"


POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{place}}}\nspec:\n  priorityClassName: high\n  containers:\n  - name: main\n"
    "    image: vllm/vllm-openai:v0.9.0\n    resources: {{limits: {{nvidia.com/gpu: 2}}}}\n"
    "    envFrom: [{{configMapRef: {{name: settings}}}}]\n"
)
LIMITS = (
    "apiVersion: v1\nkind: LimitRange\nmetadata: {{name: l{place}}}\nspec: {{limits: [{{type: Container, default: {{memory: 1Gi}}}}]}}\n"
)
JOB = (
    "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: ml, labels: {kueue.x-k8s.io/queue-name: q}}\n"
    "spec: {template: {spec: {restartPolicy: Never, containers: [{name: m, image: 'a:1', resources: {limits: {nvidia.com/gpu: 8}}}]}}}\n"
)
QUEUE = "apiVersion: kueue.x-k8s.io/v1beta1\nkind: LocalQueue\nmetadata: {name: other, namespace: ml}\nspec: {clusterQueue: c}\n"


@pytest.mark.parametrize(
    ("there", "comes"),
    [
        (POD.format(place=", namespace: ml"), LIMITS.format(place=", namespace: ml")),
        (POD.format(place=", namespace: ml"), LIMITS.format(place="")),
        (POD.format(place=""), LIMITS.format(place=", namespace: ml")),
        (POD.format(place=""), "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: low}\nvalue: 1\n"),
        (POD.format(place=", namespace: ml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: ml}\n"),
        (JOB, QUEUE),
        (
            POD.format(place=", namespace: ml, labels: {app: llm}"),
            "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: ml}\n"
            "spec: {type: LoadBalancer, selector: {app: llm}, ports: [{port: 8000}]}\n",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: ml}\nspec: {selector: {app: llm}, ports: [{port: 9}]}\n",
            POD.format(place=", namespace: ml, labels: {app: llm}"),
        ),
    ],
)
def test_what_comes_changes_what_is_said_of_what_was_there(repository: Repository, there: str, comes: str) -> None:
    """One file, and then another beside it: what is said of the first is another thing, and is said."""
    known, rules = load_rules(), asked(STRICT)

    def tree() -> tuple[Tree, Reading]:
        reading = read_paths((".",), jobs=1)
        return Tree(seen(reading, STRICT), reading.unread, contents(reading)), reading

    Path("there.yaml").write_text(there)
    state, before = advance(State(), tree()[0], rules, STRICT, known)
    Path("comes.yaml").write_text(comes)
    now, reading = tree()
    _, outcome = advance(state, now, rules, STRICT, known)
    assert outcome == evaluate(seen(reading, STRICT), rules, STRICT, unread=reading.unread, known=known)
    earlier, later = ({(one.file, one.message) for one in found.findings if one.file == "there.yaml"} for found in (before, outcome))
    assert earlier != later or before.skipped != outcome.skipped, "or this says nothing"


def known_counts(findings: Iterable[Finding | Known]) -> Counter[str]:
    return Counter(finding.fingerprint for finding in findings)


def whole() -> Report:
    reading = read_paths((".",), jobs=1)
    return judged(seen(reading, STRICT), STRICT, reading)


def test_a_diff_says_what_two_full_scans_say(repository: Repository) -> None:
    """New, unchanged and fixed, for every commit and its parent."""
    total: Counter[str] = Counter()
    earlier: Report | None = None
    for message in history(repository, COMMITS, seed=2):
        now = whole()
        if earlier is not None:
            compared = against({"baseline": None, "diff": "HEAD~1", "no_cache": True}, (".",))
            assert compared is not None
            report, _ = scan_new(STRICT, compared, Reading)
            check(report, earlier, now, message)
            assert report.comparison is not None
            total.update(new=len(report.findings), fixed=len(report.comparison.fixed), unchanged=len(report.comparison.unchanged))
        earlier = now
    assert min(total.values()) > 100, total


def check(report: Report, earlier: Report, now: Report, message: str) -> None:
    """A report with a comparison says what follows from two without."""
    comparison = report.comparison
    assert comparison is not None
    assert Counter(report.findings) + Counter(comparison.unchanged) == Counter(now.findings), message
    summary = replace(now.summary, fixable=sum(finding.patch is not None for finding in report.findings))  # of what is new
    assert (report.suppressed, report.skipped, report.failures, report.summary) == (now.suppressed, now.skipped, now.failures, summary)
    was, is_ = known_counts(earlier.findings), known_counts(now.findings)
    silenced = known_counts(entry.finding for entry in now.suppressed)
    assert known_counts(report.findings) == is_ - was, message
    unread = {entry.file for entry in now.unread}
    gone = was - is_ - silenced
    if not unread:
        assert known_counts(comparison.fixed) == gone, message


def test_the_command_says_the_same(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    def scan(*arguments: str) -> dict[str, Any]:
        with pytest.raises(SystemExit):
            main(["scan", ".", "--profile", "strict", "-f", "json", *arguments])
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        return report

    earlier: list[dict[str, Any]] = []
    for message in history(repository, 5, seed=3):
        now = scan()["findings"]
        if earlier:
            compared = scan("--diff", "HEAD~1")
            new = Counter(finding["fingerprint"] for finding in now) - Counter(finding["fingerprint"] for finding in earlier)
            assert Counter(finding["fingerprint"] for finding in compared["findings"]) == new, message
            assert len(compared["comparison"]["unchanged"]) == len(now) - new.total()
        earlier = now


# -- what is kept between runs ------------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_used_and_no_more(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    known: list[int] = []
    monkeypatch.setattr("auditor.incremental._Step.one", lambda step, number, one=_Step.one: known.append(number) or one(step, number))
    for _ in history(repository, 3, seed=4):
        pass
    compared = against({"baseline": None, "diff": "HEAD~1"}, (".",))
    assert compared is not None
    first, _ = scan_new(STRICT, compared, Reading)
    cold = len(known)
    second, _ = scan_new(STRICT, compared, Reading)
    assert (second, len(known) - cold < cold / 2) == (first, True)
    (file,) = (tmp_path / "cache" / "mlaudit").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    kept = file.read_bytes()
    other = [
        kept.replace(b'"files":{', b'"files":{"x":[1,99999,[]],'),
        kept.replace(b'"requests-missing"', b"[[]]"),
        kept[:-100],
        kept[33:],
    ]
    for content in (b"", b"[]", b"{}", b"\xff", b"[" * 100_000, *other):
        assert content != kept
        file.write_bytes(content)
        assert scan_new(STRICT, compared, Reading)[0] == first, content[:20]
        assert file.read_bytes() == kept, "it is written anew"
    file.unlink()
    os.mkfifo(file)
    assert scan_new(STRICT, compared, Reading)[0] == first


def test_a_cache_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    def usable(folder: Path, root: Path = tmp_path / "repository") -> bool:
        return Store(str(root), str(folder)).usable

    assert usable(tmp_path / "cache")
    assert not usable(tmp_path / "repository" / "cache"), "its authors could have put anything there"
    (tmp_path / "link").symlink_to(tmp_path / "repository")
    assert not usable(tmp_path / "link" / "cache")
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert not usable(open_to_all)
    assert not usable(Path("/dev/null/cache"))
    store = Store(str(tmp_path), str(tmp_path / "inside"))
    store.save("a", State(today="2026-01-01"))
    assert (store.load("a"), (tmp_path / "inside").exists()) == (State(), False)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "repository"), str(tmp_path / "cache"))
    for number in range(40):
        store.save(f"{number:02}", State(today=str(number)))
    assert len(list((tmp_path / "cache").iterdir())) == 32
    assert store.load("39").today == "39"


def test_other_rules_settings_and_paths_are_other_trees() -> None:
    known = load_rules()
    rules = asked(STRICT)

    def name(settings: Settings = STRICT, paths: tuple[str, ...] = (".",), chosen: int = len(rules)) -> str:
        return name_of(paths, rules[:chosen], known.values(), settings)

    assert name() == name(replace(STRICT, jobs=2, fail_on=None, today=datetime.date(2030, 1, 1)))
    others = [
        name(replace(STRICT, complete=True)),
        name(replace(STRICT, options={"requests-missing": {"a": 1}})),
        name(replace(STRICT, kubernetes_version=(1, 30))),
        name(paths=("k8s",)),
        name(chosen=3),
    ]
    assert len({name(), *others}) == 6

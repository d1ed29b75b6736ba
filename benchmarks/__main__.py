"""``python -m benchmarks``: measures what the project promises, as ratios within one run, and fails where a promise is broken.

The yardstick is the time that PyYAML's C parser needs to compose the same files in one process. Each measurement is a whole process of its
own; figures are the best of several runs, taken in turn: whatever else the machine does can only make a run slower.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cluster, cost, live
from benchmarks.generate import write

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"

# A child process prints seconds of its own work and the peak memory of itself and of its children, in MiB.
_MEASURED = """
import os, resource, sys, time
{setup}
begin = time.perf_counter()
{body}
seconds = time.perf_counter() - begin
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print("measured", seconds, peak / 1024)
"""
_COMPOSE_BODY = """
for folder, _, files in os.walk(sys.argv[1]):
    for name in files:
        if name.endswith((".yaml", ".yml", ".json")):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
            try:
                for node in yaml.compose_all(text, yaml.CSafeLoader):
                    pass
            except yaml.YAMLError:
                pass
"""
_SCAN_BODY = """
try:
    main(["scan", sys.argv[1], "--format", "json", "--output", os.devnull])
except SystemExit as stop:
    assert stop.code in (0, 1, 3), stop.code
"""


# What is imported before the clock starts. How long a start takes is a promise of its own.
_COMPOSE_SETUP = "import yaml"
_SCAN_SETUP = "from auditor.cli import main, scan; from auditor.registry import load_rules; load_rules()"
_COMPOSE = _MEASURED.format(setup=_COMPOSE_SETUP, body=_COMPOSE_BODY)
_SCAN = _MEASURED.format(setup=_SCAN_SETUP, body=_SCAN_BODY)
_DIFF = _MEASURED.format(
    setup=f"{_SCAN_SETUP}; from auditor.cli import only; os.environ['XDG_CACHE_HOME'] = WHERE",
    body=_SCAN_BODY.replace("os.devnull]", 'os.devnull, "--diff", "main", OPTIONS]'),
)


@dataclass(frozen=True)
class Run:
    """Seconds of a whole process, seconds of its work after its imports, and its peak memory in MiB."""

    whole: float
    work: float
    memory: float


def measure(program: str, *arguments: str) -> Run:
    """Run a program in a process of its own."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    whole = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"a benchmark failed:\n{done.stderr}")
    seconds, memory = map(float, done.stdout.rpartition("measured")[2].split())
    return Run(whole, seconds, memory)


def paired(runs: int, *programs: Callable[[], Run]) -> list[Run]:
    """The best of several runs of each program, taken in turn."""
    taken = [[program() for program in programs] for _ in range(runs)]
    return [
        Run(*(min(getattr(row[column], figure) for row in taken) for figure in ("whole", "work", "memory")))
        for column in range(len(programs))
    ]


class Verdicts:
    """Prints each figure beside its promise and remembers whether all hold."""

    def __init__(self, slack: float) -> None:
        self.slack = slack
        self.broken = 0

    def say(self, what: str, figure: float, limit: float, unit: str = "×", *, exact: bool = False) -> None:
        holds = figure <= limit * (1 if exact else self.slack)
        self.broken += not holds
        print(f"{'ok  ' if holds else 'FAIL'}  {what:<66} {figure:8.2f} {unit:<4} (promised {limit:g})")


def corpus(verdicts: Verdicts, runs: int) -> None:
    """Real manifests: a third of them templates, half of the bytes custom resource definitions."""
    if not CORPUS.is_dir():
        print(f"skip  the corpus is not beside this clone ({CORPUS.parent.name}/{CORPUS.name})")
        return
    composed, scanned = paired(runs, lambda: measure(_COMPOSE, str(CORPUS)), lambda: measure(_SCAN, str(CORPUS)))
    print(f"      corpus: composed in {composed.work:.2f} s, scanned in {scanned.work:.2f} s, {scanned.memory:.0f} MiB")
    print(f"      corpus: the whole process {scanned.whole:.2f} s, with the start of Python and all imports")
    verdicts.say("corpus: scan / compose", scanned.work / composed.work, 0.75)


def generated(verdicts: Verdicts, runs: int, documents: int) -> None:
    """Many workload documents, and twice as many: time must grow in proportion."""
    with tempfile.TemporaryDirectory() as folder:
        half, full = Path(folder, "half"), Path(folder, "full")
        write(half, documents // 2)
        write(full, documents)
        composed, scanned, scanned_half = paired(
            runs,
            lambda: measure(_COMPOSE, str(full)),
            lambda: measure(_SCAN, str(full)),
            lambda: measure(_SCAN, str(half)),
        )
    print(f"      {documents} documents: composed in {composed.work:.2f} s, scanned in {scanned.work:.2f} s, {scanned.memory:.0f} MiB")
    verdicts.say(f"{documents} workload documents: scan / compose", scanned.work / composed.work, 1.5)
    verdicts.say(f"{documents} workload documents: peak memory of a process", scanned.memory, 250, "MiB")
    verdicts.say(f"{documents} documents / {documents // 2} documents", scanned.work / scanned_half.work, 2.4)


def one_change(verdicts: Verdicts, runs: int, documents: int) -> None:
    """A tree in git in which one file changed: with what an earlier run has noted of the rest, and without."""
    if shutil.which("git") is None:
        print("skip  git is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        tree, cache = Path(folder, "tree"), Path(folder, "cache")
        write(tree, documents)
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "gc.auto=0")
        for arguments in (("init", "-q", "-b", "main"), ("add", "."), (*who, "commit", "-qm", "all")):
            subprocess.run(["git", *arguments], cwd=tree, check=True)
        files = sorted(tree.rglob("*.yaml"))
        changed = files[len(files) // 2]
        changed.write_text(changed.read_text(encoding="utf-8").replace("limits:", "limit:", 1), encoding="utf-8")
        noted, fresh = (_DIFF.replace("WHERE", repr(str(cache))).replace("OPTIONS", options) for options in ("", '"--no-cache"'))
        measure(noted, str(tree))  # the run that notes it
        scanned, warm, cold = paired(
            runs, lambda: measure(_SCAN, str(tree)), lambda: measure(noted, str(tree)), lambda: measure(fresh, str(tree))
        )
    print(f"      {len(files)} files: scanned in {scanned.work:.2f} s; one changed: {warm.work:.2f} s, the first time {cold.work:.2f} s")
    verdicts.say(f"one of {len(files)} files changed: scan --diff / scan", warm.work / scanned.work, 0.5)
    verdicts.say(f"one of {len(files)} files changed: scan --diff the first time / scan", cold.work / scanned.work, 1.4)


def live_cluster(verdicts: Verdicts, runs: int, pods: int) -> None:
    """A real API server with many pods: in time, memory and requests that it hardly notices."""
    testbed = cluster.testbed()
    if testbed is None:
        return
    with testbed:
        begin = time.perf_counter()
        cluster.fill(testbed, -(-pods // cluster.PODS_OF_A_NAMESPACE))
        print(f"      the cluster was filled in {time.perf_counter() - begin:.0f} s")
        figures = live.measure(testbed, runs)
    what = f"{figures.report['cluster']['pods']} live pods"
    rows = zip(figures.raws, figures.wholes, strict=True)
    print(f"      {what}: {figures.report['cluster']['namespaces']} namespaces, {figures.report['summary']['documents']} objects")
    print(f"      {what}: raw / mlaudit in each run: {', '.join(f'{raw:.2f} / {whole:.2f} s' for raw, whole in rows)}")
    print(f"      {what}: fetched raw and decoded in {figures.decoded:.2f} s")
    print(f"      {what}: {figures.requests} requests for {figures.pages} pages; the largest process {figures.largest:.0f} MiB")
    verdicts.say(f"{what}: mlaudit cluster / fetching the same pages raw", figures.ratio, 3 if pods >= 10_000 else 6)
    verdicts.say(f"{what}: peak memory of all its processes together", figures.memory, 400, "MiB")
    verdicts.say(f"{what}: requests in flight", figures.in_flight, 3, "", exact=True)
    verdicts.say(f"{what}: requests that fetch no page of a list", figures.requests - figures.pages, 5, "", exact=True)


def costs(verdicts: Verdicts, gpus: int, days: int) -> None:
    """A long window of many devices on a real Prometheus: its work, and not ours."""
    testbed = cluster.testbed() if cost.has_prometheus() else None
    if testbed is None:
        return
    with testbed:
        figures = cost.measure(testbed, gpus, days)
    what = f"costs of {gpus} GPUs in {days} days"
    print(f"      {what}: {figures.samples / 1e6:.1f} million samples loaded in {figures.loaded:.0f} s")
    queries = figures.costs["coverage"]["queries"]
    print(
        f"      {what}: {figures.whole:.1f} s, of which {figures.waited:.1f} s wait for {queries} queries, {figures.client:.1f} s are ours"
    )
    verdicts.say(f"{what}: peak memory of all its processes together", figures.memory, 300, "MiB")
    verdicts.say(f"{what}: mlaudit itself / the whole", figures.client / figures.whole, 0.35)


def start(verdicts: Verdicts, runs: int) -> None:
    """How long the smallest command takes, beside an interpreter that does nothing."""

    def timed(*arguments: str) -> Run:
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        seconds = time.perf_counter() - begin
        return Run(seconds, seconds, 0)

    nothing, version = paired(runs * 4, lambda: timed("-c", "pass"), lambda: timed("-m", "auditor", "--version"))
    print(f"      python -c pass in {nothing.whole * 1000:.0f} ms, mlaudit --version in {version.whole * 1000:.0f} ms")
    verdicts.say("mlaudit --version / python -c pass", version.whole / nothing.whole, 5)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs and a smaller live cluster; the same documents and promises")
    parser.add_argument("--documents", type=int, default=20_000, help="how many documents are generated (default %(default)s)")
    parser.add_argument("--pods", type=int, help="how many pods the live cluster has (default 10000, with --quick 2000)")
    parser.add_argument("--slack", type=float, default=1, help="how far figures may exceed their promises (default %(default)s)")
    given = parser.parse_args()
    runs = 3 if given.quick else 7
    verdicts = Verdicts(given.slack)
    start(verdicts, runs)
    corpus(verdicts, runs * 2)
    generated(verdicts, runs, given.documents)
    one_change(verdicts, runs, given.documents)
    live_cluster(verdicts, runs, given.pods or (2000 if given.quick else 10_000))
    costs(verdicts, *((100, 7) if given.quick else (1000, 30)))
    sys.exit(verdicts.broken > 0)


if __name__ == "__main__":
    main()

"""``mlaudit prices``."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
import yaml

from auditor.cli import main
from auditor.cost.prices import book

OWN = """
discount: 12%
currencies:
- {code: EUR, per-usd: 0.5, date: 2026-11-20, source: ECB}
rules:
- match: {instance-type: "p5*", region: "eu-*", labels: {team: research}}
  node-hour: 31.5
  currency: EUR
  commitment: reserved
  valid-until: 2027-06-30
  source: contract 7
- on-premises: {purchase: 87600, years: 5, devices: 8}
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["prices", *arguments])
    captured = capsys.readouterr()
    code = stopped.value.code
    assert isinstance(code, int)
    return code, captured.out, captured.err


@pytest.fixture
def own(tmp_path: Path) -> str:
    file = tmp_path / "own.yaml"
    file.write_text(OWN, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_list_fits_and_says_how_old_it_is(columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    code, out, err = run(capsys)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= int(columns)
    types = {row.instance_type.removeprefix("Standard_") for row in book().rows}
    assert all(name in out for name in types)
    oldest = book().dates[0]
    age = (datetime.datetime.now(datetime.UTC).date() - oldest).days
    flat = " ".join(out.split())
    assert f"the oldest are of {oldest} ({age} days ago)" in flat
    assert "your own prices with --prices FILE" in flat
    assert ("14.246-55.04" in out) is (columns == "120")
    assert "63.40" in out


def test_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "g6.*")[1]
    assert "g6.12xlarge" in out
    assert "g6e.xlarge" not in out
    out = run(capsys, "--model", "nvidia-a100-80gb", "--cloud", "Azure")[1]
    assert "NC24ads_A100_v4" in out
    assert "p4de" not in out.split("Where no more")[0]
    assert "standard_nd96" not in out
    assert "ND96asr_v4" in run(capsys, "nd96asr")[1]
    assert "TPU-v5p" in run(capsys, "--model", "tpu-v5p-slice")[1]


def test_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--cloud", "gpc") == (2, "", "mlaudit: the price book has no cloud 'gpc'; did you mean gcp?\n")
    assert run(capsys, "nothing-like-it") == (2, "", "mlaudit: the price book has no such price; `mlaudit prices` lists all\n")
    assert run(capsys, "--currency", "EUR")[0] == 2


def test_json_is_exact_and_the_same_each_day(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "p5.48xlarge", "-f", "json")
    assert code == 0
    found = json.loads(out)
    assert found["version"] == 1
    assert found["rows"][0] == {
        "cloud": "aws", "instance_type": "p5.48xlarge", "region": "us-east-1", "unit": "node", "model": "H100", "devices": "8",
        "on_demand": {"amount": "55.04", "low": "55.04", "source": "karpenter-aws"},
        "spot": {"amount": "55.04", "low": "14.246", "source": "skypilot-aws"},
        "one_year": None,
        "three_year": {"amount": "23.777", "low": "23.777", "source": "committed-2026-05"},
        "device_hour": "6.88",
    }  # fmt: skip
    assert found["sources"]["karpenter-aws"]["date"] == "2026-07-20"
    assert found["sources"]["skypilot-aws"]["date"] is None
    assert (found["oldest"], found["newest"]) == ("2026-05-25", "2026-07-20")
    assert run(capsys, "p5.48xlarge", "-f", "json")[1] == out
    assert yaml.safe_load(run(capsys, "p5.48xlarge", "-f", "yaml")[1]) == found


def test_ones_own_prices(own: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    code, out, err = run(capsys, "p5.4xlarge", "--prices", own, "--currency", "eur")
    assert (code, err) == (0, "")
    assert (
        "- instance-type p5*, region eu-*, label team=research: "
        "31.50 EUR an hour for the node, reserved, until 2027-06-30, contract 7\n" in out
    )
    assert "- everything: 1.00 EUR an hour for the node, owned\n" in out
    assert "discount 0.12 off every list price" in out
    assert "(assumed)" in out
    assert "3.44" in out
    assert "1 USD = 0.5 EUR, 2026-11-20, ECB" in out
    found = json.loads(run(capsys, "p5.4xlarge", "--prices", own, "--currency", "eur", "-f", "json")[1])
    assert found["owner"]["rules"][0]["hour"] == "31.5"
    assert found["owner"]["spot_discount_assumed"] is True
    assert found["currency"] == {"code": "EUR", "per_usd": "0.5", "date": "2026-11-20", "source": "ECB"}


def test_a_file_with_a_fault_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("rules:\n- node-hours: 3\n", encoding="utf-8")
    code, out, err = run(capsys, "--prices", str(file))
    assert (code, out) == (2, "")
    assert err == f"mlaudit: {file}:2 rules[0].node-hours: there is no 'node-hours' here; did you mean node-hour or device-hour?\n"


def test_the_file_in_the_help_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "--help")[1]
    text = out.partition("Your own prices, in a file for --prices:\n")[2].partition("\n\n")[0]
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    code, out, err = run(capsys, "p5.4", "--prices", str(file))
    assert (code, err) == (0, "")
    assert "pool basement" in out

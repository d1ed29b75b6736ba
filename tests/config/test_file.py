"""Where the file is found, and what it may say: every mistake with its line and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.config.file import find
from auditor.errors import ConfigError, UsageError
from auditor.rule import Profile
from tests.config.writing import TAG, found_in, pod, run, written


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        written(folder, text)
    lines = str(caught.value).split("\n")
    return [line.strip() for line in (lines[1:] or lines)]


def test_is_found_above_the_path_up_to_the_root_of_the_repository(here: Path) -> None:
    deep = here / "k8s" / "base"
    deep.mkdir(parents=True)
    assert found_in(deep) is None
    (here.parent / "mlaudit.yaml").write_text("profile: strict\n")
    assert found_in(deep) is None, "not above the repository"
    (here / "mlaudit.yaml").write_text("")
    assert found_in(deep).path == str(here / "mlaudit.yaml")
    (here / "k8s" / "mlaudit.yaml").write_text("")
    assert found_in(deep).path == str(here / "k8s" / "mlaudit.yaml"), "the nearest"
    assert found_in(deep).tree == str(here)


def test_a_file_leads_to_that_of_its_folder_and_standard_input_to_that_of_the_current_one(here: Path) -> None:
    (here / "mlaudit.yaml").write_text("")
    (here / "a.yaml").write_text(pod())
    assert find(("a.yaml",)) == find(("-",)) == find(()) == found_in(here)


def test_a_worktree_is_a_repository(here: Path) -> None:
    tree = here / "worktree"
    tree.mkdir()
    (tree / ".git").write_text("gitdir: elsewhere\n")
    (here / "mlaudit.yaml").write_text("")
    assert found_in(tree) is None


def test_paths_must_lead_to_one_file(here: Path) -> None:
    for name in ("a", "b", "c"):
        (here / name).mkdir()
    (here / "a" / "mlaudit.yaml").write_text("")
    with pytest.raises(
        UsageError, match=r"different configurations: a to a/mlaudit.yaml, b to none; scan them one by one, or give --config"
    ):
        find(("a", "b"))
    assert find(("b", "c")) is None


@pytest.mark.parametrize("name", ["mlaudit.yml", ".mlaudit.yaml", ".mlaudit.yml"])
def test_other_spellings_of_the_name_are_not_silently_ignored(here: Path, name: str) -> None:
    (here / name).write_text("")
    with pytest.raises(ConfigError, match=rf"{name} is not read; call it mlaudit.yaml"):
        found_in(here)
    (here / "mlaudit.yaml").write_text("")
    with pytest.raises(ConfigError, match="holds both"):
        found_in(here)


def test_what_the_file_says(here: Path) -> None:
    (here / "policies").mkdir()
    found = written(
        here,
        """\
profile: production
rules:
  image-tag-floating: low
  privileged-container: off
  trust-remote-code: {enabled: on, severity: critical}
  liveness-kills-loading-model: {options: {min_startup_seconds: 300}}
fail_on: never
min_severity: medium
min_confidence: high
complete: true
kubernetes_version: "1.30"
exclude: [legacy/, "*.generated.yaml"]
owner_labels: example.com/team
allowed_registries: [ghcr.io/example, "*.pkg.dev", "registry.example.com:5000"]
resources: [example.com/npu]
rule_dirs: policies
""",
    )
    assert found.file == "mlaudit.yaml"
    assert found.values["profile"] == "production"
    assert found.values["kubernetes_version"] == (1, 30)
    assert found.values["exclude"].patterns == ("legacy/", "*.generated.yaml")
    assert found.values["owner_labels"] == ("example.com/team",)
    assert found.values["rule_dirs"] == (str(here / "policies"),)
    rules = found.values["rules"]
    assert (rules[TAG].enabled, rules[TAG].severity, rules["privileged-container"].enabled) == (None, "low", False)
    assert (rules["trust-remote-code"].enabled, rules["trust-remote-code"].severity) == (True, "critical")
    assert rules["liveness-kills-loading-model"].options == {"min_startup_seconds": 300}
    assert found.lines["complete"] == 10


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n", "---\n"])
def test_an_empty_file_says_nothing(here: Path, text: str) -> None:
    assert written(here, text).values == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profil: strict", "mlaudit.yaml:1 profil: there is no 'profil' here; did you mean profile?"),
        ("\nfail-on: high", "mlaudit.yaml:2 fail-on: there is no 'fail-on' here; did you mean fail_on?"),
        ("profile: prod", "mlaudit.yaml:1 profile: is 'prod'; did you mean production?"),
        ("profile: [strict]", "mlaudit.yaml:1 profile: is a list; known are"),
        ("complete: maybe", "mlaudit.yaml:1 complete: is 'maybe'; write true or false"),
        ("kubernetes_version: 1.30", 'mlaudit.yaml:1 kubernetes_version: is a number; write it in quotes, like "1.33"'),
        ("kubernetes_version: new", "kubernetes_version: is 'new', and no version"),
        ("rules: [image-tag-floating]", "mlaudit.yaml:1 rules: is a list, and no mapping"),
        (
            "rules:\n  image-tag-floatin: off",
            "mlaudit.yaml:2 rules.image-tag-floatin: there is no rule 'image-tag-floatin'; did you mean image-tag",
        ),
        ("rules:\n  trust-remote-code: severe", "mlaudit.yaml:2 rules.trust-remote-code: is 'severe'; write on, off, one of critical,"),
        (
            "rules:\n  trust-remote-code: {severety: low}",
            "rules.trust-remote-code.severety: there is no 'severety' here; did you mean severity?",
        ),
        ("rules:\n  trust-remote-code: {options: {a: 1}}", "the rule trust-remote-code has no option 'a'; it has none"),
        (
            "rules:\n  liveness-kills-loading-model:\n    options:\n      min_startup_seconds: many",
            "mlaudit.yaml:4 rules.liveness-kills-loading-model.options.min_startup_seconds: is 'many'; write a whole number, like 120",
        ),
        ("rules:\n  namespace-without-gpu-quota: {options: {single_tenant: 1}}", "is 1; write true or false, like false"),
        ("exclude: ../other", "exclude: '../other' leads out of the folder"),
        ("exclude: /etc", "exclude: '/etc' is not relative"),
        ("exclude: ['a[b']", "exclude[0]: 'a[b' opens a bracket that nothing closes"),
        ("exclude: [a**b/c]", "'a**b/c' has ** beside other characters"),
        ("exclude: 'a\\b'", "has a backslash"),
        ("exclude: []", "mlaudit.yaml:1 exclude: is an empty list; leave it out"),
        ("exclude: ''", "mlaudit.yaml:1 exclude: is empty"),
        ("exclude: null", "mlaudit.yaml:1 exclude: is empty"),
        ("owner_labels: [a b]", "'a b' is no key of a label"),
        ("resources: gpu", "'gpu' is no name of a device plugin's resource"),
        ("resources: kubernetes.io/gpu", "is Kubernetes' own"),
        ("allowed_registries: https://ghcr.io", "has a scheme"),
        ("allowed_registries: ghcr.io/example/server:1.0", "is no registry"),
        ("rule_dirs: nowhere", "'nowhere' is no folder"),
        ("ignore: {rules: a}", "ignore: is a mapping, and no list"),
        ("ignore:\n- image-tag-floating", "mlaudit.yaml:2 ignore[0]: is 'image-tag-floating', and no mapping; it has the keys rules, path"),
        ("ignore:\n- reason: x", "ignore[0]: names no rule"),
        ("ignore:\n- rules: image-tag-floating", "mlaudit.yaml:2 ignore[0]: gives no reason"),
        ("ignore:\n- rules: image-tag-floating\n  reason: ' '", "mlaudit.yaml:3 ignore[0].reason: is ' ', and no text"),
        ("ignore:\n- {rule: image-tag-floating, reason: x}", "there is no 'rule' here; did you mean rules?"),
        ("ignore:\n- rules:\n  - trust-remote-code\n  - image\n  reason: x", "mlaudit.yaml:4 ignore[0].rules[1]: there is no rule 'image'"),
        ("ignore:\n- {rules: '*', reason: x}", "ignore[0].rules: silences every rule everywhere; say where: add one of path, kind,"),
        ("ignore:\n- {rules: image-tag-floating, reason: x, until: 31.01.2027}", "'31.01.2027' is no day; write it like 2027-01-31"),
        ("ignore:\n- {rules: image-tag-floating, reason: x, until: 2027-02-30}", "'2027-02-30' is no day"),
        ("ignore:\n- {rules: image-tag-floating, reason: x, until: 20270131}", "20270131 is no day"),
        ("ignore:\n- {rules: image-tag-floating, reason: x, path: ../a}", "ignore[0].path: '../a' leads out of"),
        ("ignore:\n- {rules: image-tag-floating, reason: x, labels: team}", "ignore[0].labels: is 'team', and no mapping"),
        ("profile: strict\nprofile: cost", "mlaudit.yaml:2 says profile again, after line 1; remove one of them"),
        ("profile: strict\n---\nprofile: cost", "mlaudit.yaml:2 begins a second document"),
        ("- profile", "mlaudit.yaml:1 holds no mapping"),
        ("profile: [", "is no YAML"),
        ("ignore:\n- {rules: image-tag-floating, raeson: x}", "there is no 'raeson' here; did you mean reason?"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_to_write(here: Path, text: str, said: str) -> None:
    (found,) = mistakes(here, text)
    assert said in found


def test_all_mistakes_are_named_at_once_in_the_order_of_their_lines(here: Path) -> None:
    text = "profil: strict\nfail_on: hi\nignore:\n- {rules: image-tag-floating}\nrules:\n  nothing: off\nexclude: ../a\n"
    assert [line.split(" ")[0] for line in mistakes(here, text)] == [f"mlaudit.yaml:{number}" for number in (1, 2, 4, 6, 7)]
    with pytest.raises(ConfigError, match=r"^mlaudit.yaml has 5 mistakes:\n  mlaudit.yaml:1 "):
        written(here, text)


def test_mistakes_are_named_up_to_twenty(here: Path) -> None:
    found = mistakes(here, "".join(f"key_{number}: 1\n" for number in range(500)))
    assert len(found) == 20
    with pytest.raises(ConfigError, match="at least 20 mistakes"):
        written(here, "".join(f"key_{number}: 1\n" for number in range(500)))


def test_a_mistake_exits_with_2(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod())
    (here / "mlaudit.yaml").write_text("fail_on: hi\n")
    assert run("scan", ".") == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err == "mlaudit: mlaudit.yaml:1 fail_on: is 'hi'; did you mean high?\n"
    assert run("scan", "--no-config", ".") == 0


def test_every_profile_is_a_word(here: Path) -> None:
    for profile in Profile:
        assert written(here, f"profile: {profile}\n").values == {"profile": str(profile)}

"""The page in a real Chromium: it works, it asks for nothing, and people who see or hear it differently can use it.

Pictures of it, in both themes at two widths, are left in pytest's temporary folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from auditor.registry import renderer
from auditor.report import View
from tests.reports import chromium, sample
from tests.testbed.build import NotBuilt

THEMES = ("light", "dark")
WIDTHS = (400, 1400)
Open = Callable[..., Any]


def _missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright

        program = chromium.find()
    except ImportError:
        _missing("no browser: the package playwright is missing, of the dev group")
    except NotBuilt as error:
        _missing(f"no browser: {error}")
    with sync_playwright() as playwright:
        options = [] if os.geteuid() else ["--no-sandbox"]
        running = playwright.chromium.launch(executable_path=program, args=options)
        yield running
        running.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, make in sample.SAMPLES.items():
        (folder / f"{name}.html").write_text(renderer("html").render(make(), View()), encoding="utf-8", errors="backslashreplace")
    return folder


@pytest.fixture
def opened(browser: Any, files: Path) -> Iterator[Open]:
    """``opened("usage", theme="dark", width=400)``: the page. At the end, nothing may have gone wrong in any of them."""
    contexts, wrong = [], []

    def open_page(name: str = "usage", theme: str = "light", width: int = 1400, **options: Any) -> Any:
        context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        address = (files / f"{name}.html").as_uri()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: wrong.append(f"request: {request.url}") if request.url.split("#")[0] != address else None)
        page.on("response", lambda response: wrong.append(f"response: {response.url}") if response.url.split("#")[0] != address else None)
        page.goto(address)
        return page

    open_page.wrong = wrong  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def column(page: Any, table: str, index: int) -> list[str]:
    """Texts of the cells of a column; of names without what is noted below them."""
    script = f"rows => rows.map(row => row.cells[{index}]).map(cell => (cell.querySelector('bdi') || cell).textContent.trim())"
    return list(page.eval_on_selector_all(f"#{table} tbody tr:not([hidden])", script))


def money(cells: list[str]) -> list[float]:
    return [float("-inf") if cell.startswith("–") or not cell else float(cell.split()[0].replace(",", "")) for cell in cells]


def says(page: Any, where: str, words: str) -> None:
    """Wait for it, without evaluating text as a script: the policy forbids that."""
    from playwright.sync_api import expect

    expect(page.locator(where)).to_have_text(words)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", sample.SAMPLES)
def test_it_opens_without_a_word_and_without_a_request(opened: Open, name: str, theme: str) -> None:
    page = opened(name, theme)
    assert page.locator("h1").count() == 1
    assert page.title().endswith("mlaudit")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits(opened: Open, tmp_path: Path, theme: str, width: int) -> None:
    for name in ("usage", "now", "allocation", "scan", "empty", "potential"):
        page = opened(name, theme, width)
        assert page.evaluate("document.documentElement.scrollWidth") == width, name
        page.screenshot(path=tmp_path / f"{name}-{theme}-{width}.png", full_page=True)
    assert len(list(tmp_path.glob("*.png"))) == 6


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["usage", "now", "scan", "potential"])
def test_it_is_accessible(opened: Open, name: str, theme: str) -> None:
    """By axe-core: contrast and names, roles and order, as WCAG 2.2 AA has them and as good practice has them."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the package axe-playwright-python, of the dev group")
    page = opened(name, theme)
    page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    found = axe.Axe().run(page)
    assert [(one["id"], [node["target"] for node in one["nodes"]][:5]) for one in found.response["violations"]] == []


def test_a_name_is_text(opened: Open) -> None:
    page = opened()
    assert page.locator("img").count() == 0
    assert f"Notebook/research/{sample.ATTACK}" in column(page, "t-by-workload", 0)
    page.fill("#q-t-by-workload", sample.ATTACK)
    says(page, "#by-workload [role=status]", "1 of 13 rows")
    assert column(page, "t-by-workload", 0) == [f"Notebook/research/{sample.ATTACK}"]
    page.click("input[name=group][value=object]")
    assert page.locator("#groups summary bdi").filter(has_text=sample.ATTACK).count() == 1


def test_potential_costs_sort_and_filter(opened: Open) -> None:
    page = opened("potential")
    assert page.locator("img").count() == 0
    assert column(page, "t-change", 2)[:3] == ["+10,044.80", "-5,022.40", "-20,089.60"]
    page.locator("#t-workloads thead th", has_text="A month").get_by_role("button").click()
    assert column(page, "t-workloads", 0)[-1].startswith("Deployment ml/llm")
    page.fill("#q-t-workloads", "onerror")
    says(page, "#potential .table:last-child [role=status]", "1 of 10 workloads")


def test_tables_sort_by_click(opened: Open) -> None:
    page = opened()
    head = page.locator("#t-by-workload thead th", has_text="Idle")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    idle = money(column(page, "t-by-workload", 4))
    assert idle == sorted(idle, reverse=True)
    assert len(set(idle)) > 5
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    idle = money(column(page, "t-by-workload", 4))
    assert idle == sorted(idle)
    assert page.locator("#t-by-workload th[aria-sort]").count() == 1
    assert page.locator("#t-by-workload tfoot th").inner_text() == "All"


def test_tables_sort_by_keyboard(opened: Open) -> None:
    page = opened()
    page.locator("#t-by-workload thead th button").first.focus()
    for key, order in (("Enter", "ascending"), ("Space", "descending")):
        page.keyboard.press(key)
        assert page.locator("#t-by-workload thead th").first.get_attribute("aria-sort") == order
        names = column(page, "t-by-workload", 0)
        assert names[0 if order == "ascending" else -1] == "(unallocated)"
        assert names[-1 if order == "ascending" else 0].startswith("StatefulSet/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Paid for"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_tables_filter(opened: Open) -> None:
    page = opened()
    status = page.locator("#by-workload [role=status]")
    assert status.inner_text() == "13 rows"
    page.fill("#q-t-by-workload", "VISION training")
    says(page, "#by-workload [role=status]", "1 of 13 rows")
    assert column(page, "t-by-workload", 0) == ["PyTorchJob/vision/finetune"]
    page.fill("#q-t-by-workload", "")
    says(page, "#by-workload [role=status]", "13 rows")


def test_findings_filter_and_group(opened: Open) -> None:
    page = opened()
    status = page.locator("#tools-findings [role=status]")
    shown = page.locator("#groups li:visible")
    assert (status.inner_text(), shown.count()) == ("40 findings", 40)
    for name in ("medium", "low", "info"):
        page.click(f"input[name=severity][value={name}]")
    assert (status.inner_text(), shown.count()) == ("14 of 40 findings", 14)
    assert page.locator("#groups summary h3:visible").all_inner_texts() == ["gpu-without-limit", "probe-missing"]
    page.fill("#q-findings", "readinessprobe test-gpu")
    says(page, "#tools-findings [role=status]", "3 of 40 findings")
    assert shown.count() == 3
    page.click("input[name=group][value=object]")
    assert page.locator("#groups summary h3:visible").all_inner_texts() == ["Pod default/test-gpu"]
    assert shown.locator(".rule").all_inner_texts() == ["probe-missing"] * 3
    page.fill("#q-findings", "")
    for name in ("medium", "low", "info"):
        page.click(f"input[name=severity][value={name}]")
    says(page, "#tools-findings [role=status]", "40 findings")
    page.click("#fold")
    assert shown.count() == 0
    page.click("input[name=group][value=rule]")
    assert page.locator("#groups summary h3:visible").count() == 6
    page.click("#fold")
    assert shown.count() == 40


def test_the_first_key_skips_to_the_content(opened: Open) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("scripts", [True, False])
def test_the_theme_can_be_chosen(opened: Open, scripts: bool) -> None:
    page = opened(theme="light", java_script_enabled=scripts)

    def ground() -> bytes:
        return bytes(page.screenshot(clip={"x": 2, "y": 300, "width": 1, "height": 1}))

    light = ground()
    page.check("#theme-dark")
    dark = ground()
    assert dark != light
    page.keyboard.press("ArrowLeft")
    assert ground() == light
    page.emulate_media(color_scheme="dark")
    assert ground() == light
    page.check("#theme-auto")
    assert ground() == dark


def test_it_is_whole_without_scripts(opened: Open) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator(".tools:visible").count() == 0
    assert page.locator("th button").count() == 0
    assert page.locator("#t-by-workload tbody tr:visible").count() == 13
    assert page.locator("#groups li:visible").count() == 40


def test_on_paper_everything_is_open_and_nothing_is_to_be_clicked(opened: Open, tmp_path: Path) -> None:
    page = opened()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("pre:visible").count() == 6
    assert page.locator("nav:visible, .tools:visible, .theme:visible, .skip:visible").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#actions details[open]").count() == 0
    printed = page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert printed.startswith(b"%PDF")
    assert len(printed) < 2_000_000


def test_the_policy_holds(opened: Open) -> None:
    """What an attacker would try if something did get through."""
    page = opened()
    with refused(opened, "script"):
        page.evaluate(
            "() => { const one = document.createElement('script'); one.textContent = 'window.bad = 1'; document.body.append(one) }"
        )
    with refused(opened, "style"):
        page.evaluate("() => document.body.setAttribute('style', 'background: red')")
    with refused(opened, "connect"):
        page.evaluate("() => fetch('https://example.com/').catch(() => 0)")
    with refused(opened, "img"):
        page.evaluate("() => new Promise(done => { const one = new Image(); one.onerror = done; one.src = 'https://example.com/x' })")
    assert page.evaluate("window.bad") is None


@contextmanager
def refused(opened: Open, what: str) -> Iterator[None]:
    from playwright.sync_api import Error

    wrong = opened.wrong  # type: ignore[attr-defined]
    said = ""
    try:
        yield
    except Error as error:
        said = str(error)
    said += " ".join(wrong)
    assert "Content Security Policy" in said or "TrustedScript" in said, (what, said)
    assert "response:" not in said  # a request that the policy stops is announced, and never sent
    wrong.clear()


def test_a_large_page_stays_quick(opened: Open) -> None:
    page = opened("large")
    assert page.locator("#tools-findings [role=status]").inner_text() == "5,000 findings"
    assert page.evaluate("performance.timing.domContentLoadedEventEnd - performance.timing.responseEnd") < 5000
    page.fill("#q-findings", "deployment-that-is-not-there")
    says(page, "#tools-findings [role=status]", "0 of 5,000 findings")
    spent = page.evaluate(
        "() => { const began = performance.now(); document.querySelector('#t-by-workload thead button').click();"
        " return performance.now() - began }"
    )
    assert spent < 2000

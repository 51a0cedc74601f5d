"""Somebody who looks, in Chromium: a page is clicked on, and one is left open for some minutes.

The one that is left open belongs to a browser that nobody steers: one that is steered keeps all that was fetched. Its
memory is what the kernel counts of the process that draws the page: its own, and its share of what it shares.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import procfs

PAGE: Final = "/services"
"""The page with most to draw, as it comes: with a hundred rows, each with two lines."""
SETTLE_S: Final = 10.0
"""Until a page that was opened is taken as open."""
TURNS: Final = 24
"""Refreshes whose cost for the page's thread is taken."""
MEMORY: Final = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
CLICKS: Final = 9
READ_MS: Final = 2200
"""Until a click: looks are shared for two seconds."""
PRESS_MS: Final = 80
"""From the press of a button of the mouse until it is let go, which makes the click; a hand takes as long."""
WINDOW: Final = {"width": 1280, "height": 900}
PATIENCE_MS: Final = 120_000
EVERY_MS: Final = 5000
SELDOM_MS: Final = 61_000
"""A page has asked by then."""
PATIENCE_S: Final = 120.0

DRAWN: Final = """button => new Promise(done => {
  const begun = performance.now();
  button.click();
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
})"""
"""Milliseconds from a click until what it changes is drawn."""
SHOWN: Final = """() => ({ shown: new Promise(done => {
  let begun = 0;
  const drawn = () => setTimeout(() => done(performance.now() - begun));
  addEventListener("click", event => { begun = event.timeStamp; }, { capture: true, once: true });
  document.addEventListener("shown", () => requestAnimationFrame(drawn), { once: true });
}) })"""
"""Milliseconds from the click on a link until the view behind it is drawn, in place of the one that is there."""
LOADED: Final = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
"""Milliseconds until a document is drawn."""


def look(admin: str, minutes: int) -> dict[str, float]:
    """Look at a router for so many minutes.

    Raises:
        ValueError: there is no playwright, or no Chromium.
        RuntimeError: the page did not refresh.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise ValueError("needs playwright: pip install '.[browser]'") from None
    binary = os.environ.get("NODEROUTER_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        raise ValueError("needs Chromium: apt-get install chromium, or set NODEROUTER_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        try:
            page = browser.new_context(viewport=WINDOW).new_page()
            page.set_default_timeout(PATIENCE_MS)
            found = _clicked(page, admin) | _refreshed(page, admin)
        finally:
            browser.close()
    return found | _left_open(binary, admin, minutes)


def _clicked(page: Any, admin: str) -> dict[str, float]:
    """Load a page, sort its table by a head, and open a service, several times each; the latter as a reader does.

    He has looked for longer than what the router has seen is good for: it has to look anew.
    """
    loaded_ms, sorted_ms, opened_ms = [], [], []
    for number in range(CLICKS):
        page.goto(f"{admin}/services")
        loaded_ms.append(page.wait_for_function(LOADED).json_value())
        sorted_ms.append(page.locator("th[data-k=rate] button").evaluate(DRAWN))
        page.wait_for_timeout(READ_MS)
        shown = page.evaluate_handle(SHOWN)
        page.locator("table#services tbody a").nth(number).click(delay=PRESS_MS)
        opened_ms.append(shown.evaluate("({ shown }) => shown"))
    found = {"sort_ms": median(sorted_ms), "open_ms": median(opened_ms)}
    return found | {"click_ms": max(found.values()), "load_ms": median(loaded_ms)}


def _refreshed(page: Any, admin: str) -> dict[str, float]:
    """Have a page refresh some times, at once."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    page.clock.install()
    page.goto(admin + PAGE)
    page.evaluate("() => { window.seen = 0; document.addEventListener('refreshed', () => { window.seen++; }); }")
    page.clock.pause_at(page.evaluate("Date.now()") + EVERY_MS)
    busy = _metric(devtools, "TaskDuration")
    turns = page.evaluate("window.seen") + TURNS
    until = time.monotonic() + PATIENCE_S
    while page.evaluate("window.seen") < turns and time.monotonic() < until:
        page.clock.run_for(EVERY_MS)
    return {"refresh_ms": 1e3 * (_metric(devtools, "TaskDuration") - busy) / TURNS}


def _left_open(binary: str, admin: str, minutes: int) -> dict[str, float]:
    """Leave a page open; its memory at first, at last and at most, in MB."""
    with tempfile.TemporaryDirectory(prefix="looking-browser-") as folder:
        command = [binary, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}"]
        command += [f"--window-size={WINDOW['width']},{WINDOW['height']}", admin + PAGE]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as browser:
            try:
                time.sleep(SETTLE_S)
                asked, end = _asked(admin), time.monotonic() + 60 * minutes
                seen = [_memory(browser.pid)]
                while time.monotonic() < end:
                    time.sleep(EVERY_MS / 1e3)
                    seen.append(_memory(browser.pid))
                if _asked(admin) - asked < len(seen) * EVERY_MS / SELDOM_MS - 1:
                    raise RuntimeError("the page that was left open did not refresh")
            finally:
                os.killpg(browser.pid, signal.SIGKILL)
    return {"memory_begin_mb": seen[0], "memory_mb": seen[-1], "memory_most_mb": max(seen)}


def _asked(admin: str) -> float:
    """Return how many requests the interface has had."""
    with urllib.request.urlopen(f"{admin}/admin/metrics.json?q=admin/requests", timeout=60) as answer:
        return float(next(iter(json.load(answer).values())))


def _metric(devtools: Any, name: str) -> float:
    found = devtools.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in found if each["name"] == name))


def _memory(browser: int) -> float:
    """Return the memory of the process that draws, of all of a browser the greatest, in MB."""
    found = []
    for pid in procfs.tree(browser):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(sum(map(int, MEMORY.findall(Path(f"/proc/{pid}/smaps_rollup").read_text()))) / 1e3)
    return max(found, default=0.0)

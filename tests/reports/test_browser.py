"""The page in headless Chromium: nothing is fetched, nothing complains, nothing is cut, at three widths, two schemes.

The browser is spoken to over a pipe in its own protocol: messages are JSON, a zero byte ends each.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from tsynth.reports import render_comparison, write_private_look

pytestmark = [pytest.mark.browser, pytest.mark.linux]

# What reaches over the right edge, but for what is meant only for ears or cut by its own picture.
CUT = """
(() => {
  const root = document.documentElement, cut = [], words = [];
  const heads = [...document.querySelectorAll('thead')];
  const silent = new Set(heads.filter(e => getComputedStyle(e).clipPath !== 'none'));
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('defs, clipPath') || silent.has(e.closest('thead'))) continue;
    const box = e.getBoundingClientRect();
    if (box.width && box.height && (box.right > root.clientWidth + 1 || box.left < -1))
      cut.push(e.tagName + ' ' + e.textContent.slice(0, 40));
  }
  for (const e of document.querySelectorAll('figure svg text')) {
    const box = e.getBoundingClientRect(), home = e.closest('figure').getBoundingClientRect();
    const beside = box.left < home.left - 3 || box.right > home.right + 3;
    if (beside || box.top < home.top - 3 || box.bottom > home.bottom + 3) words.push(e.textContent);
  }
  const ground = getComputedStyle(document.body).backgroundColor;
  return {wide: root.scrollWidth, room: root.clientWidth, cut, words, ground};
})()
"""


class Browser:
    """A headless Chromium with one page."""

    def __init__(self, path, profile):
        down, self._out = os.pipe()
        self._in, up = os.pipe()

        def wire():
            os.dup2(down, 103), os.dup2(up, 104)
            os.dup2(103, 3), os.dup2(104, 4)

        flags = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={profile}",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            [path, *flags, "about:blank"], preexec_fn=wire, close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(down), os.close(up)
        self._rest, self._number, self.events = b"", 0, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def _read(self):
        while b"\0" not in self._rest:
            more = os.read(self._in, 1 << 20)
            if not more:
                raise EOFError("the browser went away")
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def ask(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width, dark):
        """Show a file and wait until it is loaded."""
        self.events.clear()
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Page.navigate", url=path.as_uri())
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            self.events.append(self._read())

    def evaluate(self, code):
        answer = self.ask("Runtime.evaluate", expression=code, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def complaints(self):
        """All that the browser logged."""
        self.evaluate("1")  # whatever was on its way has arrived
        found = [e["params"]["entry"]["text"] for e in self.events if e["method"] == "Log.entryAdded"]
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return found + [json.dumps(e["params"]) for e in self.events if e["method"] in kinds]

    def requests(self):
        """Every address that was asked for."""
        sent = [
            e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in sent if not url.startswith("data:")]

    def close(self):
        with contextlib.suppress(OSError, EOFError):
            self._session = None
            self.ask("Browser.close")
        os.close(self._out), os.close(self._in)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="module")
def chromium(browser, tmp_path_factory):
    profile = tmp_path_factory.mktemp("profile")
    opened = Browser(browser, profile)
    yield opened
    opened.close()
    for _ in range(20):  # its children may write for a moment longer
        shutil.rmtree(profile, ignore_errors=True)
        if not profile.exists():
            break
        time.sleep(0.1)


@pytest.fixture(scope="module")
def opened(pages, examples):
    """The pages that are opened: releases, generators compared, and what is not for release."""
    context = examples.bank()[1]

    def compared(reports):
        return render_comparison(reports, "Bank transactions", context.source, context.run)

    names = ["<script>alert(1)</script>", "x" * 200, "שם\u202eהחשבון"]
    hostile = dict(zip(names, examples.several(3).values(), strict=True))
    return {**pages, "eight": compared(examples.several(8)), "hostile names": compared(hostile)}


@pytest.mark.parametrize("which", ["bank", "full", "hostile", "eight", "hostile names"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [380, 1024, 1600])
def test_page_shows_whole_and_quietly(chromium, opened, tmp_path, width, dark, which):
    path = tmp_path / "report.html"
    path.write_text(opened[which], encoding="utf-8")
    chromium.open(path, width, dark)
    assert chromium.complaints() == []
    assert chromium.requests() == [path.as_uri()]
    chromium.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    seen = chromium.evaluate(CUT)
    assert seen["wide"] <= seen["room"]
    assert seen["cut"] == []
    assert seen["words"] == []
    light = sum(int(c) for c in re.findall(r"\d+", seen["ground"])[:3]) > 380
    assert light is not dark


@pytest.mark.parametrize("width", [380, 1600])
def test_private_pages_show_whole_and_quietly(chromium, examples, tmp_path, width):
    report, context = examples.full()
    real = examples.payments(examples.random(1))
    write_private_look(tmp_path, report, context, real, real, context.synthetic)
    for path in sorted(tmp_path.glob("*.html")):
        chromium.open(path, width, False)
        assert chromium.complaints() == []
        assert chromium.requests() == [path.as_uri()]
        seen = chromium.evaluate(CUT)
        assert (seen["cut"], seen["words"]) == ([], [])


def test_measure_finds_what_is_cut(chromium, pages, tmp_path):
    """A planted fault: without it a page that overflows would pass unseen."""
    path = tmp_path / "report.html"
    page = pages["bank"].replace("<header>", '<header><div style="width:3000px">x</div>')
    path.write_text(page, encoding="utf-8")
    chromium.open(path, 1024, False)
    seen = chromium.evaluate(CUT)
    assert seen["wide"] > seen["room"]


def test_policy_stops_a_script_and_a_request(chromium, pages, tmp_path):
    """A planted fault: even were a name not escaped, the policy would hold."""
    path = tmp_path / "report.html"
    planted = "<header><script>document.title = 'taken'</script><img src='https://example.invalid/x.png'>"
    path.write_text(pages["bank"].replace("<header>", planted), encoding="utf-8")
    chromium.open(path, 1024, False)
    assert chromium.evaluate("document.title") != "taken"
    assert len(chromium.complaints()) >= 2

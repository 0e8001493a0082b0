"""Debian's Chromium as a judge of pages: what did they load, what failed?"""

import dataclasses
import json
import re
import shutil
import subprocess

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
# Notes in the document what a person would look up in the developer's tools.
_RECORDER = """<script>
window.failed = [];
addEventListener("error", e => failed.push(e.message || e.target.src), true);
addEventListener("load", () => {
  const found = {
    failed,
    pictures: [...document.images].map(i => i.complete && i.naturalWidth),
    requests: performance.getEntriesByType("resource").map(e => e.name)
      .filter(name => !name.startsWith("data:")),
    width: innerWidth,
    wide: document.documentElement.scrollWidth > innerWidth,
  };
  document.body.setAttribute("data-found", JSON.stringify(found));
});
</script>"""


@dataclasses.dataclass(frozen=True)
class Seen:
    """What happened when a page was opened.

    Attributes:
        failed: List of strings, errors of scripts and of things not loaded.
        pictures: List of integers, the width of each picture; 0 if broken.
        requests: List of addresses that were asked for.
        wide: Boolean. Whether the page is wider than the window.
        console: List of lines that the console showed.
        width: Integer, of the window.
    """

    failed: list
    pictures: list
    requests: list
    wide: bool
    console: list
    width: int = dataclasses.field(default=0, compare=False)


def open_page(text, folder, width=1200):
    """Opens HTML in headless Chromium, which finds no host.

    Args:
        text: String. Its own policy, which forbids scripts, is replaced by the
            recorder's.
        folder: `pathlib.Path` for a copy of the page and a profile.
        width: Integer, of the window in pixels.

    Returns:
        `Seen`.
    """
    page = folder / "recorded.html"
    page.write_text(
        _POLICY.sub("", text).replace("<head>", f"<head>{_RECORDER}")
    )
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--window-size={width},900",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            "--v=0",
            "--virtual-time-budget=10000",
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    noted = re.search(r'data-found="([^"]*)"', done.stdout)
    assert noted, done.stderr[-2000:]
    found = json.loads(noted[1].replace("&quot;", '"'))
    lines = [x for x in done.stderr.splitlines() if "CONSOLE" in x]
    return Seen(**found, console=lines)

"""The page in a headless Chromium, where there is one."""

import json
import re
import shutil
import subprocess

import pytest

from evaluation.report import page

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom",
]  # fmt: skip
FIRST = """<script>
window.errors = [];
addEventListener("error", function (event) { errors.push(event.message); });
addEventListener("securitypolicyviolation", function (event) { errors.push(event.blockedURI); });
</script>"""
LAST = """<pre id="result"></pre><script>
var table = document.querySelector(".tall table"), heads = table.querySelectorAll("th button");
var select = document.getElementById("class-filter"), result = {};
function all(selector) { return Array.from(document.querySelectorAll(selector)); }
function shown(selector) { return all(selector).filter(item => item.offsetParent !== null).length; }
function click(k) {
  heads[k].click();
  var column = Array.from(table.tBodies[0].rows).map(row => row.children[k].textContent);
  return [column, heads[k].parentNode.getAttribute("aria-sort")];
}
function filter(value) {
  select.value = value;
  select.dispatchEvent(new Event("change"));
  var status = document.getElementById("filter-status").textContent;
  return [shown("[data-c]"), shown("[data-c~='2']"), shown(".none"), status];
}
result.rising = click(3); result.falling = click(3); result.names = click(0);
result.others = table.querySelectorAll("th[aria-sort=none]").length;
result.all = filter(""); result.one = filter("2"); result.again = filter("");
result.wide = [document.documentElement.scrollWidth, innerWidth];
result.requests = performance.getEntriesByType("resource").map(entry => entry.name)
  .filter(name => !name.startsWith("data:"));
result.broken = all("img").filter(image => image.complete && !image.naturalWidth).length;
heads[0].focus(); result.focused = document.activeElement === heads[0];
result.errors = errors;
document.getElementById("result").textContent = JSON.stringify(result);
</script>"""


def open_page(text, folder, width):
    """The result that the page's own script writes, and Chromium's console."""
    text = text.replace("<title>", FIRST + "<title>", 1).replace("</body>", LAST + "</body>")
    (folder / "page.html").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={folder}/profile", f"--window-size={width},900",
         f"file://{folder}/page.html"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=120,
    )  # fmt: skip
    found = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    return json.loads(found.group(1)), re.findall(r".*CONSOLE.*", done.stderr)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [1280, 390])
def test_sorting_filtering_and_width(inputs, tmp_path, width):
    result, console = open_page(page.render(inputs), tmp_path, width)
    assert result["errors"] == [] and console == [] and result["requests"] == []
    assert result["broken"] == 0 and result["focused"]

    rising, falling = result["rising"][0], result["falling"][0]
    numbers = [float(word.split()[0]) for word in rising]
    assert numbers == sorted(numbers) and len(set(numbers)) > 1
    assert [float(word.split()[0]) for word in falling] == numbers[::-1]
    assert [result[key][1] for key in ("rising", "falling", "names")] == [
        "ascending", "descending", "ascending",
    ]  # fmt: skip
    assert result["names"][0][1:] == ["class 1", "class 2", "class 3"] and result["others"] == 4

    everything, of_class, empty, status = result["all"]
    assert everything > of_class > 0 and empty == 0 and status == ""
    assert result["one"][:2] == [of_class, of_class]
    assert result["one"][3] == f"{of_class} of {everything} entries"
    assert result["again"] == result["all"]
    assert result["wide"][0] <= result["wide"][1] <= max(width, 500)

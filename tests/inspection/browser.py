"""Cards and pages where people see them: a real notebook, and a real browser, light and dark.

Run by `nox -s browser`; not collected otherwise, for it takes a kernel and Chromium.
UNIHUB_SCREENSHOTS names a folder that keeps the pictures, to be looked at.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import MODELS, ROOT
from inspection.acting_table import ACTING
from inspection.test_page import tags_of

import unihub

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
in_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: apt-get install chromium"
)

CELLS = {
    "ModelInfo": "import unihub; unihub.inspect(MODELS + 'tf2_reusable')",
    "ModelInfo that acts": "unihub.inspect(ACTING + 'dataset_graph')",
    "matrix": "unihub.matrix()",
    "RemoteInfo": "unihub.inspect('https://example.org/m.tar.gz', download=False)",
    "signature": "unihub.load(MODELS + 'tf1_hub_image')",
    "choice of signatures": "unihub.load(MODELS + 'tf2_signatures_only')",
    "KerasLayer": "unihub.load(MODELS + 'tf2_reusable', api='keras', op='fine_tuning')",
    "KerasLayer of an object": "unihub.KerasLayer(lambda x: x)",
    "Module": (
        "import tensorflow as tf\n"
        "with tf.Graph().as_default():\n"
        "    module = unihub.load(MODELS + 'tf1_hub_image', api='module')\n"
        "module"
    ),
}
# What has to be read in each card, its markup taken away.
EXPECTED = {
    "ModelInfo": ["TF2 SavedModel", "m(x, training=False)", "2 trainable"],
    "ModelInfo that acts": ["critical", "DatasetFromGraph"],
    "matrix": ["fine-tuning", "refused"],
    "RemoteInfo": ["not downloaded", "unihub is offline"],
    "signature": ["TF1 Hub format in TF2, inference: full", "images: float32[?,8,8,3]"],
    "choice of signatures": ["signature serving_default", "left: float32[?,3]"],
    "KerasLayer": ["TF2 SavedModel in TF2, fine-tuning: full", 'api="keras"'],
    "KerasLayer of an object": ["it was made of an object"],
    "Module": ["TF1 Hub format in TF1 compat mode in TF2, inference: full", 'api="module"'],
}


@pytest.fixture(scope="session")
def notebook():
    """A notebook with all cards, run by a real kernel."""
    nbformat = pytest.importorskip("nbformat", reason="pip install nbformat nbclient ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="pip install nbformat nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="pip install nbformat nbclient ipykernel")
    first = (
        "import os; os.environ['UNIHUB_OFFLINE'] = '1'\n"
        f"MODELS, ACTING = {str(MODELS) + '/'!r}, {str(ACTING) + '/'!r}"
    )
    cells = [nbformat.v4.new_code_cell(source) for source in (first, *CELLS.values())]
    made = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(made, resources={"metadata": {"path": str(ROOT)}}).execute()
    return made


def html_of(cell):
    found = [output.data["text/html"] for output in cell.outputs if "data" in output]
    (text,) = found
    return text


@pytest.mark.parametrize("name", CELLS)
def test_in_a_notebook(notebook, name):
    card = html_of(notebook.cells[1 + list(CELLS).index(name)])
    assert {tag for tag, _ in tags_of(card)}.isdisjoint({"script", "img", "iframe", "link"})
    words = re.sub("<style>.*?</style>", "", card, flags=re.DOTALL)
    words = " ".join(re.sub("<[^>]*>", " ", words).replace("&quot;", '"').split())
    for expected in EXPECTED[name]:
        assert expected in words


@in_a_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_notebook_in_a_browser(notebook, tmp_path, theme):
    nbconvert = pytest.importorskip("nbconvert", reason="pip install nbconvert")
    text, _ = nbconvert.HTMLExporter(theme=theme).from_notebook_node(notebook)
    look(text, tmp_path, f"notebook-{theme}", theme == "dark", 5200)


@in_a_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["acting", "image", "remote"])
def test_a_page_in_a_browser(tmp_path, monkeypatch, name, dark):
    monkeypatch.setenv("UNIHUB_OFFLINE", "1")
    handle = {
        "acting": ACTING / "dataset_graph",
        "image": MODELS / "tf1_hub_image",
        "remote": "kaggle://google/mobilenet-v2/tensorFlow2/100-224-classification",
    }[name]
    text = unihub.inspect(handle, download=False).as_html()
    look(text, tmp_path, f"page-{name}-{'dark' if dark else 'light'}", dark, 1600)


def look(text, folder, name, dark, height):
    """Has Chromium render a page; fails for errors in its console and for the wrong colours."""
    kept = Path(os.environ.get("UNIHUB_SCREENSHOTS", str(folder)))
    kept.mkdir(parents=True, exist_ok=True)
    file, picture = folder / "page.html", kept / f"{name}.png"
    file.write_text(text, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    flags += [f"--user-data-dir={folder}/profile", f"--window-size=1000,{height}"]
    # No page may need the network.
    flags += ["--host-resolver-rules=MAP * ~NOTFOUND"]
    flags += ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.run(
        [CHROMIUM, *flags, f"--screenshot={picture}", file.as_uri()],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0
    if not name.startswith("notebook"):
        assert not re.search(r"CONSOLE.*error", done.stderr, re.IGNORECASE)
    brightness = brightnesses(picture)
    background = max(set(brightness), key=brightness.count)
    assert background < 60 if dark else background > 200
    # Text stands out from what is behind it.
    assert max(abs(one - background) for one in brightness) > 150


def brightnesses(picture):
    """Of every 7th pixel."""
    image = pytest.importorskip("PIL.Image", reason="pip install pillow").open(picture)
    return list(image.convert("L").tobytes()[::7])

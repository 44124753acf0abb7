"""Pictures of a sample edition for the README: the page, the same on a phone, the workbook, the PDF, the site.

    python benchmarks/make_pictures.py EDITIONS docs/pictures [--site SITE]

Needs Chromium, LibreOffice (``soffice``) and poppler (``pdftoppm``). Pictures have at most 160 colours and about
900 pixels, so that all of them together stay below half a megabyte.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COLOURS = 160
WIDTH = 900


@contextmanager
def open_browser() -> Iterator[Any]:
    """Chromium of the machine, or the one that playwright installed."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def shoot(browser: Any, page: Path, out: Path, width: int, height: int, at: str = "") -> None:
    """One screen of a page, from the element ``at`` on."""
    view = browser.new_page(viewport={"width": width, "height": height})
    view.goto(page.absolute().as_uri() + at)
    view.wait_for_timeout(300)
    view.screenshot(path=out)
    view.close()


def print_pages(pdf: Path, out: Path, pages: list[int], resolution: int = 60) -> None:
    """Pages of a PDF side by side."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        images = []
        for number in pages:
            stem = Path(folder) / str(number)
            span = ["-f", str(number), "-l", str(number), "-singlefile"]
            subprocess.run(
                ["pdftoppm", "-png", "-r", str(resolution), *span, str(pdf), str(stem)], check=True
            )
            images.append(Image.open(f"{stem}.png").convert("RGB"))
        sheet = Image.new(
            "RGB", (sum(i.width for i in images) + 8 * len(images), max(i.height for i in images)), "#888888"
        )
        left = 4
        for image in images:
            sheet.paste(image, (left, 0))
            left += image.width + 8
        sheet.save(out)


def print_workbook(workbook: Path, out: Path, sheet: str) -> None:
    """One sheet as LibreOffice shows it on paper."""
    import openpyxl

    with tempfile.TemporaryDirectory() as folder:
        names = openpyxl.load_workbook(workbook, read_only=True).sheetnames
        subprocess.run(
            ["soffice", "--headless", "--convert-to", "pdf", "--outdir", folder, str(workbook)],
            check=True,
            capture_output=True,
        )
        pdf = Path(folder) / f"{workbook.stem}.pdf"
        print_pages(pdf, out, [find_page(pdf, sheet, len(names))], resolution=90)


def find_page(pdf: Path, words: str, most: int) -> int:
    """First page that begins with these words."""
    for number in range(1, 3 * most):
        span = ["-f", str(number), "-l", str(number)]
        found = subprocess.run(
            ["pdftotext", "-layout", *span, str(pdf), "-"], check=True, capture_output=True, text=True
        )
        if found.stdout.lstrip().startswith(words):
            return number
    raise SystemExit(f"no page of {pdf} begins with {words!r}")


def shrink(picture: Path) -> int:
    """The picture no wider than WIDTH and in few colours; its bytes."""
    from PIL import Image

    image = Image.open(picture).convert("RGB")
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    image.quantize(COLOURS).save(picture, optimize=True)
    return picture.stat().st_size


def make_pictures(editions: Path, out: Path, site: Path | None) -> list[Path]:
    """All pictures of the newest editions of MUS and ARM."""
    mus, arm = (
        max((editions / code).glob("2*"), key=lambda path: path.stat().st_mtime) for code in ("MUS", "ARM")
    )
    out.mkdir(parents=True, exist_ok=True)
    with open_browser() as browser:
        shoot(browser, mus / "assessment.html", out / "page.png", 1280, 860)
        shoot(browser, mus / "assessment.html", out / "page-figures.png", 1280, 860, "#chart-heat")
        shoot(browser, arm / "assessment.hy.html", out / "page-phone-hy.png", 390, 760)
        if site:
            shoot(browser, site / "index.html", out / "site.png", 1280, 860)
    print_pages(mus / "assessment.fr.pdf", out / "pdf-fr.png", [3, 6, 8])
    print_workbook(mus / "assessment.xlsx", out / "workbook.png", "T3.")
    return sorted(out.glob("*.png"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("editions", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--site", type=Path)
    given = parser.parse_args()
    for picture in make_pictures(given.editions, given.out, given.site):
        print(f"{picture} {shrink(picture):,} bytes")


if __name__ == "__main__":
    main()

"""Take the pictures of the README from the real page: `make screenshots`."""

import base64
from pathlib import Path

from tests.browser import launch, new_tab
from tests.servers import ROOT, Server

ENTER = "\ue007"
SIZES = {"page": (1280, 800), "phone": (390, 844)}


def take(place: Path) -> None:
    """Write each size of the page, in light and in dark, to ``place``."""
    server = Server("gunicorn")
    try:
        with launch() as driver, new_tab(driver, server.url) as page:
            for name, (width, height) in SIZES.items():
                for scheme in ("light", "dark"):
                    page.devtools(
                        "Emulation.setDeviceMetricsOverride",
                        width=width, height=height, deviceScaleFactor=1, mobile=False,
                    )  # fmt: skip
                    feature = {"name": "prefers-color-scheme", "value": scheme}
                    page.devtools("Emulation.setEmulatedMedia", features=[feature])
                    page.open()
                    page.wait_for_state("open")
                    page.element("message").send_keys("hello" + ENTER)
                    page.wait_until(lambda: page.lines[-1:] == ["<<< hello back"], "the answer")
                    shot = page.devtools("Page.captureScreenshot")["data"]
                    dark = "-dark" if scheme == "dark" else ""
                    (place / f"{name}{dark}.png").write_bytes(base64.b64decode(shot))
    finally:
        server.stop()


if __name__ == "__main__":
    take(ROOT / "docs")

"""The browser of the tests and the pictures: the machine's own Chromium."""

from playwright.sync_api import Browser, Playwright


def launch(playwright: Playwright) -> Browser:
    """Start it; the sandbox does not work for root."""
    return playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])

"""A real Chromium for tests, and the one rule for a machine without it: a desk skips, CI fails."""

import os
import shutil
from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.support.ui import WebDriverWait

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PHONE = (390, 844)
SECONDS = 15
SWITCHES = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
FIND = """const [css, text, having] = arguments;
for (const each of document.querySelectorAll(css)) {
  const words = (each.innerText ?? each.textContent).trim(), seen = each.getClientRects().length > 0;
  if (seen && words.includes(having) && (text === null || words === text)) return each;
}
return null;"""


def need_chromium():
    """Skip the test where no browser is installed; under CI that is a failure, since nobody reads skips there."""
    if BROWSER and DRIVER:
        return
    reason = "no Chromium with its chromedriver is installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def chromium(pixels=1.0):
    """Yield a Hand on a fresh browser whose screen is that of a phone, with so many pixels for each of CSS."""
    need_chromium()
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for switch in SWITCHES:
        options.add_argument(switch)
    screen = {"width": PHONE[0], "height": PHONE[1], "pixelRatio": pixels}
    options.add_experimental_option("mobileEmulation", {"deviceMetrics": screen})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield Hand(driver)
    finally:
        driver.quit()


class Hand:
    """Finds by CSS and waits until what it looks for can be touched. Pictures go to `pictures`."""

    def __init__(self, driver):
        self.driver = driver
        self.pictures = None

    def until(self, true, what):
        """Wait until `true()` is, and return what it returned; a wait in vain leaves a picture."""
        wait = WebDriverWait(self.driver, SECONDS, 0.05, ignored_exceptions=[StaleElementReferenceException])
        try:
            return wait.until(lambda _driver: true(), what)
        except TimeoutException:
            self.picture("in-vain")
            raise

    def find(self, css, text=None, *, having=""):
        """Return the first visible element with exactly that text, or with `having` somewhere in it."""
        return self.until(lambda: self.run(FIND, css, text, having), f"nothing like {css} {text or having}")

    def tap(self, css, text=None, *, having=""):
        self.find(css, text, having=having).click()

    def write(self, text):
        self.find("#text").send_keys(text)
        self.tap("#send")

    @contextmanager
    def page(self):
        """Work inside the page that is open in the web view."""
        self.driver.switch_to.frame(self.find("#webview iframe"))
        try:
            yield
        finally:
            self.driver.switch_to.default_content()

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def picture(self, name):
        """Take a picture of the whole screen."""
        if self.pictures:
            (self.pictures / f"{name}.png").write_bytes(self.driver.get_screenshot_as_png())

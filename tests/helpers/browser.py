"""A browser for the tests of the page: headless Chromium, driven through its WebDriver.

Speaks the W3C protocol with what Python has.  Everything that the browser writes is in the
folder that it is given, it reaches no address but the loopback one, and its processes end
with the `with`.  To wait is to ask until a condition holds, or the deadline has passed.
"""

import base64
import ctypes
import json
import os
import re
import signal
import subprocess
import time
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
WAIT_S = 20
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "ArrowDown": "\ue015",
        "ArrowUp": "\ue013", "Home": "\ue011", "End": "\ue010", "PageDown": "\ue00f",
        "Backspace": "\ue003"}

# What it would do on its own account.
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--disable-domain-reliability", "--disable-extensions",
         "--disable-client-side-phishing-detection", "--disable-breakpad", "--no-pings",
         "--no-first-run", "--metrics-recording-only", "--disable-search-engine-choice-screen",
         "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
         "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
LOOKS = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio",
         "--force-color-profile=srgb", "--lang=en-US"]


def end_with_parent():
    """Whoever is killed before its `with` ends leaves no browser behind."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class Browser:
    def __init__(self, folder):
        self.folder = folder
        self.driver = self.session = None

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        self.out = open(os.path.join(self.folder, "driver.log"), "w+b")
        home = dict(os.environ, HOME=self.folder, XDG_CONFIG_HOME=self.folder,
                    XDG_CACHE_HOME=self.folder, TZ="UTC")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=self.out,
                                       stderr=subprocess.STDOUT, env=home,
                                       preexec_fn=end_with_parent)
        try:
            self.base = "http://127.0.0.1:%d" % self._port()
            self._start_session()
        except BaseException:
            self._end_driver()
            raise
        return self

    def __exit__(self, *reason):
        try:
            self._ask("DELETE", "/session/" + self.session)
        finally:
            self._end_driver()

    def _end_driver(self):
        self.driver.terminate()
        self.driver.wait(30)
        self.out.close()

    def _port(self):
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and self.driver.poll() is None:
            with open(self.out.name, "rb") as log:
                found = re.search(rb"started successfully on port (\d+)", log.read())
            if found:
                return int(found[1])
            time.sleep(0.02)
        raise AssertionError("chromedriver has not started; see " + self.out.name)

    def _start_session(self):
        args = LOOKS + QUIET + ["--user-data-dir=" + os.path.join(self.folder, "profile")]
        if os.geteuid() == 0:
            args.append("--no-sandbox")
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": args},
                  "goog:loggingPrefs": {"browser": "ALL"}}
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = answer["sessionId"]
        self.do("POST", "/timeouts", {"script": WAIT_S * 1000, "pageLoad": WAIT_S * 1000})

    def _ask(self, method, path, body=None):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, {
            "Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=2 * WAIT_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise AssertionError("%s: %s" % (value["error"], value["message"])) from None

    def do(self, method, command, body=None):
        """A command of the session."""
        return self._ask(method, "/session/%s%s" % (self.session, command), body)

    def cdp(self, command, **parameters):
        """A command of the browser's own protocol, for what WebDriver has no word for."""
        return self.do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.do("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """What the script returns; it finds its arguments in `arguments`."""
        return self.do("POST", "/execute/sync", {"script": script, "args": arguments})

    def run_async(self, script, *arguments):
        """The same for a script that calls the last of its arguments when it is done."""
        return self.do("POST", "/execute/async", {"script": script, "args": arguments})

    def wait(self, expression, *arguments, seconds=WAIT_S):
        """The value of the expression, as soon as it is true."""
        deadline = time.monotonic() + seconds
        while True:
            value = self.run("return " + expression, *arguments)
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError("gave up waiting for %s with %r; the page says:\n%s" % (
                    expression, arguments, self.run("return document.body.innerText")))
            time.sleep(0.02)

    def find(self, css):
        return self.do("POST", "/element", {"using": "css selector", "value": css})

    def text(self, css):
        return self.run("return document.querySelector(arguments[0]).textContent", css)

    def wait_text(self, css, part, **how):
        """Waits until the element says this, among other things."""
        self.wait("document.querySelector(arguments[0])?.textContent.includes(arguments[1])",
                  css, part, **how)

    def click(self, target):
        """A selector, or an element that a script returned."""
        element = self.find(target) if isinstance(target, str) else target
        self.do("POST", "/element/%s/click" % element[ELEMENT])

    def press(self, *keys):
        """Keys, one after another, where the focus is."""
        actions = []
        for key in keys:
            value = KEYS.get(key, key)
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.do("POST", "/actions", {"actions": [
            {"type": "key", "id": "keyboard", "actions": actions}]})

    def type(self, css, text):
        """Replaces what the field holds."""
        self.run("document.querySelector(arguments[0]).select()", css)
        self.do("POST", "/element/%s/value" % self.find(css)[ELEMENT],
                {"text": text or KEYS["Backspace"]})

    def size(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=False)

    def prefer(self, **features):
        """Media features, such as prefers_color_scheme="dark"."""
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": name.replace("_", "-"), "value": value}
            for name, value in features.items()])

    def screenshot(self, path):
        with open(path, "wb") as image:
            image.write(base64.b64decode(self.do("GET", "/screenshot")))

    def log(self):
        """What the console has got since the last time: errors of the network, of scripts,
        of the content security policy."""
        return self.do("POST", "/se/log", {"type": "browser"})

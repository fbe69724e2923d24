#!/usr/bin/env python3
#
# browser: headless Chromium for the tests of the page, driven through its WebDriver.
#
#   browser.py FOLDER      starts it, writes its address to FOLDER/address, and ends it when
#                          it is told to (SIGTERM)
#
# It speaks the W3C protocol with what Python has.  Everything that the browser writes is in
# its folder, and it reaches no address but the loopback one.
#
# SPDX-License-Identifier: MIT
"""A browser: start one, or go on with one that runs."""

import base64
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
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
    """Whoever is killed leaves no browser behind."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


# Whatever proxy the environment names: the driver is here.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, url, body=None):
    """One command of WebDriver and its answer."""
    data = None if method != "POST" else json.dumps(body or {}).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"},
                                     method=method)
    try:
        with OPENER.open(request, timeout=2 * WAIT_S) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        value = json.load(error)["value"]
        raise AssertionError("%s: %s" % (value["error"], value["message"])) from None


def port_of(driver, log_path):
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline and driver.poll() is None:
        with open(log_path, "rb") as log:
            found = re.search(rb"started successfully on port (\d+)\.", log.read())
        if found:
            return int(found[1])
        time.sleep(0.02)
    raise SystemExit("chromedriver has not started; see " + log_path)


def start_session(base, folder):
    args = LOOKS + QUIET + ["--user-data-dir=" + os.path.join(folder, "profile")]
    if os.geteuid() == 0:
        args.append("--no-sandbox")
    wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": args},
              "goog:loggingPrefs": {"browser": "ALL"}}
    answer = ask("POST", base + "/session", {"capabilities": {"alwaysMatch": wanted}})
    return "%s/session/%s" % (base, answer["sessionId"])


def serve(folder):
    """A driver and one browser, until somebody ends it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    end_with_parent()
    os.makedirs(folder)
    log_path = os.path.join(folder, "driver.log")
    home = dict(os.environ, HOME=folder, XDG_CONFIG_HOME=folder, XDG_CACHE_HOME=folder, TZ="UTC")
    with open(log_path, "wb") as log:
        driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=log, stderr=log, env=home,
                                  preexec_fn=prepare_driver)
    try:
        session = start_session("http://127.0.0.1:%d" % port_of(driver, log_path), folder)
        with open(os.path.join(folder, "address.new"), "w") as address:
            address.write(session)
        os.rename(address.name, os.path.join(folder, "address"))
        signal.sigwait([signal.SIGTERM])
        ask("DELETE", session)
    finally:
        driver.terminate()
        driver.wait(WAIT_S)


def prepare_driver():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    end_with_parent()


class Browser:
    """A browser that runs, with nothing left of what was done with it before.  To wait is to
    ask until a condition holds, or the deadline has passed."""

    def __init__(self, folder):
        with open(os.path.join(folder, "address"), encoding="ascii") as address:
            self.session = address.read()
        self.close_tabs()
        self.open("about:blank")
        self.cdp("Emulation.clearDeviceMetricsOverride")
        self.prefer()
        self.log()
        self.do("POST", "/timeouts", {"script": WAIT_S * 1000, "pageLoad": WAIT_S * 1000})

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        """Nor does it ask anybody for anything from now on."""
        self.close_tabs()
        self.open("about:blank")

    def do(self, method, command, body=None):
        """A command of the session."""
        return ask(method, self.session + command, body)

    def cdp(self, command, **parameters):
        """A command of the browser's own protocol, for what WebDriver has no word for."""
        return self.do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def tabs(self):
        return self.do("GET", "/window/handles")

    def use_tab(self, tab):
        """Goes on in this tab, which is the one that is seen from now on."""
        self.do("POST", "/window", {"handle": tab})
        self.cdp("Page.bringToFront")

    def new_tab(self):
        self.use_tab(self.do("POST", "/window/new", {"type": "tab"})["handle"])

    def close_tabs(self):
        """All but the first."""
        first, *others = self.tabs()
        for tab in others:
            self.do("POST", "/window", {"handle": tab})
            self.do("DELETE", "/window")
        self.use_tab(first)

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


if __name__ == "__main__":
    serve(sys.argv[1])

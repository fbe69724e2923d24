# page: the page of the status side in a browser, as its tests look at it and use it.
#
# SPDX-License-Identifier: MIT
"""The words of the tests of the page."""

import os

import words
from browser import Browser

LIVE = "document.getElementById('state').textContent === 'live'"
ROW = "[...document.querySelectorAll('.rows .row')].find(r => r.textContent.includes(arguments[0]))"
IDS = "[...document.querySelectorAll('.rows .row:not(.gap) .id')].map(id => Number(id.textContent))"


def step(said, heard):
    """Says to the case that it has come so far, and waits for the answer."""
    folder = os.environ["BATS_TEST_TMPDIR"]
    with open(os.path.join(folder, said), "w"):
        pass
    words.wait_for(lambda: os.path.exists(os.path.join(folder, heard)), heard)


class Page(Browser):
    def __init__(self):
        super().__init__(os.path.join(os.environ["BATS_FILE_TMPDIR"], "browser"))

    def visit(self, path="/"):
        """The page, once it shows what comes.  From then on its violations are kept."""
        self.size(1280, 800)
        self.open("http://%s%s" % (os.environ["HTTP"], path))
        self.run("""window.violations = [];
            addEventListener("securitypolicyviolation", (event) =>
                violations.push(event.violatedDirective + " " + event.blockedURI))""")
        self.wait(LIVE)

    def reload(self):
        """The page anew; what comes after this is not asked of the old one."""
        self.run("window.isOld = true; location.reload()")
        self.wait("window.isOld === undefined")

    def row(self, text):
        """The row of a message that has this in it, as soon as it is there."""
        return self.wait(ROW, text)

    def has_row(self, text):
        return self.run("return %s !== undefined" % ROW, text)

    def ids(self):
        """What can be seen and a little more, from the top, once there is something."""
        return self.wait("((ids) => ids.length > 0 && ids)(%s)" % IDS)

    def topmost(self):
        """The id of the row that is seen first."""
        return self.wait("""((box) => document.elementFromPoint(box.left + 50, box.top + 2)
            ?.closest(".row")?.querySelector(".id").textContent)(
            document.getElementById("list").getBoundingClientRect())""")

    def wait_ids(self, ids):
        self.wait("String(%s) === String(arguments[0])" % IDS, ids)

    def details(self):
        """The text of the message that is open."""
        return self.wait("document.querySelector('.details .text')?.textContent")

    def scroll(self, y):
        self.run("document.getElementById('list').scrollTop = arguments[0]", y)

    def elements(self):
        return self.run("return document.querySelectorAll('*').length")

    def picture(self, name):
        """Kept with the build, so that somebody can look at it."""
        folder = os.path.join(os.environ["BUILD"], "page")
        os.makedirs(folder, exist_ok=True)
        self.screenshot(os.path.join(folder, name))

    def check_clean(self):
        """Neither a script nor the network nor the policy has complained."""
        words.check([], self.run("return violations"))
        words.check([], self.log())

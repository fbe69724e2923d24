#!/usr/bin/env bats
# The page, as a browser shows it: messages, filter, history, what is refused, and from whom.
# Pictures of it are left in the build's folder page/.

# bats file_tags=browser

load helpers/bio

# One browser for all cases: to start it takes longer than most of them.
setup_file() {
	has_browser >/dev/null || return 0
	"$BATS_TEST_DIRNAME/helpers/browser.py" "$BATS_FILE_TMPDIR/browser" \
		>"$BATS_FILE_TMPDIR/browser.out" 2>&1 3>&- &
	export BROWSER_PID=$!
	wait_until 60 browser_is_ready_or_dead
	[[ -e $BATS_FILE_TMPDIR/browser/address ]] || { cat "$BATS_FILE_TMPDIR/browser.out" >&2; return 1; }
}

teardown_file() {
	[[ -n ${BROWSER_PID:-} ]] || return 0
	kill -TERM "$BROWSER_PID"
	wait_until 60 process_has_ended "$BROWSER_PID"
}

setup() {
	has_browser || skip "the package $(has_browser) is missing"
}

# has_browser: or the package that is missing.
has_browser() {
	local tool
	for tool in chromium:chromium chromedriver:chromium-driver; do
		command -v "${tool%:*}" >/dev/null || { echo "${tool#*:}"; return 1; }
	done
}

browser_is_ready_or_dead() {
	[[ -e $BATS_FILE_TMPDIR/browser/address ]] || process_has_ended "$BROWSER_PID"
}

# in_background: Python, with the addresses and words, while the case goes on.
in_background() {
	local program
	program=$(cat)
	BIO=$BIO HTTP=$HTTP PYTHONPATH=$BATS_TEST_DIRNAME/helpers PYTHONDONTWRITEBYTECODE=1 \
		start page python3 -c "$program"
}

# in_step NAME: waits for the program in the background to say so; say NAME answers.
in_step() {
	wait_until 60 step_or_end "$1"
	[[ -e $BATS_TEST_TMPDIR/$1 ]]
}

step_or_end() {
	[[ -e $BATS_TEST_TMPDIR/$1 ]] || process_has_ended "$STARTED"
}

say() {
	: >"$BATS_TEST_TMPDIR/$1"
}

@test "a JSON text is laid out token by token, and keeps every character" {
	start_server
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    def lay(text, pretty, most=1000):
		        return page.run_async("""const [text, pretty, most, done] = arguments;
		            import("/json.js").then((json) => done(json.layOut(text, pretty, most)))""", text, pretty, most)
		    def joined(laid):
		        return "".join(piece["text"] for piece in laid["pieces"])
		    for text, line, tall in [
		        ('{"a":1,"a":1.0e5}', '{"a": 1, "a": 1.0e5}', '{\n  "a": 1,\n  "a": 1.0e5\n}'),
		        ('[ ]', '[]', '[]'), ('{"a" : { } }', '{"a": {}}', '{\n  "a": {}\n}'),
		        ('[[1,[]],\r\n\t-0]', '[[1, []], -0]', '[\n  [\n    1,\n    []\n  ],\n  -0\n]'),
		        (r'"\" , \\"', r'"\" , \\"', r'"\" , \\"'), ('null', 'null', 'null'),
		        ('12345678901234567890.10', '12345678901234567890.10', '12345678901234567890.10'),
		        (r'["{\"x\":[",{"\\":"}"}]', r'["{\"x\":[", {"\\": "}"}]', '[\n  "{\\"x\\":[",\n  {\n    "\\\\": "}"\n  }\n]'),
		    ]:
		        words.check(line, joined(lay(text, False)))
		        words.check(tall, joined(lay(text, True)))
		    words.check(["plain", "key", "plain", "string", "plain", "number", "plain", "literal", "plain"],
		        [piece["kind"] for piece in lay('{"k":["v",1,true]}', False)["pieces"]])
		    words.check(('{"abc"', True), (joined(lay('{"abc":1}', False, 6)), lay('{"abc":1}', False, 6)["isCut"]))
		    words.check(False, lay('{"abc":1}', False, 10)["isCut"])
		    words.check(1000 * "[" + 1000 * "]", joined(lay(1000 * "[" + 1000 * "]", False, 5000)))
		    page.check_clean()
	END
	expect_messages 0 0
	stop_server
}

@test "a message is shown within a second of being sent" {
	start_server
	python - <<-'END'
		from page import *
		import time
		with Page() as page:
		    page.visit()
		    page.wait("!document.getElementById('nothing').hidden")
		    words.check(["nc", "-q", "0", os.environ["HTTP"].split(":")[0], "PORT"], page.text("#example").split()[-5:])
		    took = []
		    for i in range(5):
		        begun = time.monotonic()
		        words.send(b'{"number":"%d"}\n' % i)
		        page.row('"%d"' % i)
		        took.append(time.monotonic() - begun)
		    # Others use the machine too, so not each of them.
		    assert min(took) < 1, took
		    page.wait_ids([5, 4, 3, 2, 1])
		    page.wait_text("#received", "5")
		    words.check(True, page.run("return document.getElementById('nothing').hidden"))
		    page.check_clean()
	END
	expect_messages 5 0
	stop_server
}

@test "what had come before the page was opened is there too, and who sent it" {
	start_server
	python - <<-'END'
		from page import *
		peer = words.greet(name="pump <b>7</b>")[0]
		peer.send(b'1\n2\n3\n')
		words.wait_for_counter("messages.stored_total", 3)
		with Page() as page:
		    page.visit()
		    page.wait_ids([3, 2, 1])
		    words.check("pump <b>7</b>", page.text(".rows .row .who"))
		    page.wait_text("#end", "nothing older is kept")
		    page.check_clean()
		peer.close()
	END
	expect_messages 3 0
	stop_server
}

@test "a click shows a message line by line, with the digits that were sent" {
	start_server
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    words.send(b'{"big":12345678901234567890123,"real":1.0e5,"k":[],"k":"\\u0041"}\n')
		    row = page.row("12345678901234567890123")
		    page.click(row)
		    words.check('{\n  "big": 12345678901234567890123,\n  "real": 1.0e5,\n  "k": [],\n  "k": "\\u0041"\n}',
		        page.details())
		    words.check("true", page.run("return arguments[0].getAttribute('aria-expanded')", row))
		    words.check("http://%s/messages/1/raw" % os.environ["HTTP"],
		        page.run("return document.querySelector('.details a').href"))
		    # Nothing moves while somebody reads.
		    words.send(b'"later"\n')
		    page.wait_text("#held", "1 waiting")
		    words.check(False, page.has_row("later"))
		    page.run("document.querySelector('.rows .row .data').click()")
		    page.row("later")
		    words.check(None, page.run("return document.querySelector('.details')"))
		    page.check_clean()
	END
	expect_messages 2 0
	stop_server
}

@test "a message full of markup stays text" {
	start_server
	python - <<-'END'
		from page import *
		markup = '<img src=x onerror="alert(1)"><script>alert(2)</script><style>*{display:none}</style>'
		with Page() as page:
		    page.visit()
		    before = page.run("return document.querySelectorAll('img, script, style, iframe').length")
		    quoted = '"%s"' % markup.replace('"', r'\"')
		    peer = words.greet(name="<img src=x onerror=alert(3)>")[0]
		    peer.send(b'{%s:%s}\n{"<script>alert(4)</script>":x}\n' % (quoted.encode(), quoted.encode()))
		    page.click(page.row("alert(1)"))
		    words.check("{\n  %s: %s\n}" % (quoted, quoted), page.details())
		    page.wait_text("#rejected", "<script>alert(4)</script>")
		    page.wait_text("#open", "<img src=x onerror=alert(3)>")
		    words.check(before, page.run("return document.querySelectorAll('img, script, style, iframe').length"))
		    page.check_clean()
		    peer.close()
	END
	expect_messages 1 1
	stop_server
}

@test "what the page loads and runs is its own: all else is refused" {
	start_server
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    page.run("""const script = document.createElement("script");
		        script.textContent = "window.hasRun = true"; document.body.append(script);
		        const element = document.createElement("div");
		        element.setAttribute("style", "color: red"); document.body.append(element);
		        document.body.append(Object.assign(new Image(), { src: "data:image/png,x" }))""")
		    page.wait("violations.length >= 3")
		    words.check(["img-src data", "script-src-elem inline", "style-src-attr inline"],
		        sorted(page.run("return violations")))
		    words.check(None, page.run("return window.hasRun ?? null"))
	END
	expect_messages 0 0
	stop_server
}

@test "the filter finds by text and by field, in what was and in what comes" {
	start_server
	python - <<-'END'
		from page import *
		words.send(b'{"user":"Ann","n":1} {"user":"Bob","n":2} {"user":"Ann","n":3,"text":"a b"}')
		words.wait_for_counter("messages.stored_total", 3)
		with Page() as page:
		    page.visit()
		    page.type("#filter", ".user=Ann")
		    page.wait_ids([3, 1])
		    words.send(b'{"user":"Ann","n":4} {"user":"Bob","n":5}')
		    page.wait_ids([4, 3, 1])
		    page.type("#filter", "n\":4 .user=Ann")
		    page.wait_ids([4])
		    page.type("#filter", 'a b .text="a b"')
		    page.wait_ids([3])
		    page.type("#filter", "nowhere")
		    page.wait_text("#end", "no message matches the filter")
		    # A link to what is filtered.
		    page.type("#filter", ".user=Bob")
		    page.wait_ids([5, 2])
		    page.reload()
		    page.wait_ids([5, 2])
		    page.click("#filter")
		    page.press("Escape")
		    page.wait_ids([5, 4, 3, 2, 1])
		    words.check("list", page.run("return document.activeElement.id"))
		    # The way past the head of the page leaves the link as it is.
		    page.type("#filter", ".user=Bob")
		    page.wait_ids([5, 2])
		    page.run("document.querySelector('.skip').focus()")
		    page.press("Enter")
		    words.check("list", page.run("return document.activeElement.id"))
		    words.check("#filter=.user%3DBob", page.run("return location.hash"))
		    words.check([], page.log())
	END
	expect_messages 5 0
	stop_server
}

@test "what the server says of a bad filter is shown" {
	start_server
	python - <<-'END'
		from page import *
		words.send(b'1 2')
		with Page() as page:
		    page.visit()
		    page.wait_ids([2, 1])
		    page.type("#filter", "..a=1")
		    page.wait_text("#filter-mistake", page.run_async("""fetch("/messages?..a=1")
		        .then((r) => r.json()).then((problem) => arguments[0](problem.detail))"""))
		    words.check("true", page.run("return document.getElementById('filter').getAttribute('aria-invalid')"))
		    page.type("#filter", "1")
		    page.wait_ids([1])
		    words.check("", page.text("#filter-mistake"))
	END
	expect_messages 2 0
	stop_server
}

@test "pause holds the list, and resume goes on where it was" {
	start_server
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    words.send(b'1 2 3')
		    page.wait_ids([3, 2, 1])
		    page.click("#pause")
		    words.send(b'4 5')
		    page.wait_text("#held", "Paused \N{MIDDLE DOT} 2 waiting")
		    words.check([3, 2, 1], page.ids())
		    page.click("#pause")
		    page.wait_ids([5, 4, 3, 2, 1])
		    words.check("", page.text("#held"))
		    words.send(b'6')
		    page.wait_ids([6, 5, 4, 3, 2, 1])
		    page.check_clean()
	END
	expect_messages 6 0
	stop_server
}

@test "more than the page keeps while it is paused becomes a line that loads them" {
	start_server --recent 5000
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    words.send(b'"first"')
		    page.row("first")
		    page.click("#pause")
		    # So few at a time that the stream leaves none out.
		    for last in (600, 1000, 1500, 1902):
		        words.send(b" ".join(b"0" for _ in range(words.counter("messages.received_total"), last)))
		        page.wait_text("#held", "{:,} waiting".format(last - 1))
		    page.click("#pause")
		    # The newest are here, and the first 500 that waited; of the others a line says so.
		    page.wait(IDS + "[0] === 1902")
		    for pages in range(1, 8):
		        page.scroll(28 * 200 * pages - 300)
		        left = 1401 - 200 * pages
		        gap = ("1 message not shown \N{EN DASH} load it" if left == 1
		            else "{:,} messages not shown \N{EN DASH} load them".format(left))
		        page.click(page.row(gap))
		        page.wait("((text) => !text.includes(arguments[0]) && !text.includes('loading'))"
		            "(document.getElementById('rows').textContent)", gap)
		    page.scroll(28 * 1400 - 300)
		    ids = page.ids()
		    words.check(list(range(ids[0], ids[0] - len(ids), -1)), ids)
		    page.check_clean()
	END
	expect_messages 1902 0
	stop_server
}

@test "older messages come by scrolling, and few of them are in the document" {
	start_server --store "$BATS_TEST_TMPDIR/bio.db" --recent 100
	seq 3000 | send_bytes
	expect_messages 3000 0
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    page.wait(IDS + "[0] === 3000")
		    oldest = 3000
		    while oldest > 1:
		        page.scroll(10 ** 9)
		        page.wait("Math.min(..." + IDS + ") < arguments[0] || document.getElementById('end').textContent.includes('nothing older')", oldest)
		        oldest = min(page.ids())
		        assert page.elements() < 1500, page.elements()
		    ids = page.ids()
		    words.check(list(range(len(ids), 0, -1)), ids)
		    page.wait_text("#end", "nothing older is kept")
		    # Nothing moves while somebody looks back; Resume is the way to the newest.
		    words.send(b'"newest"')
		    page.wait_text("#held", "Held while you look back \N{MIDDLE DOT} 1 waiting")
		    page.click("#pause")
		    page.row("newest")
		    words.check(3001, page.ids()[0])
		    page.check_clean()
	END
	expect_messages 3001 0
	stop_server
}

@test "who looks back for long comes back to the newest" {
	start_server --store "$BATS_TEST_TMPDIR/bio.db"
	seq 5200 | send_bytes
	expect_messages 5200 0
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    page.wait(IDS + "[0] === 5200")
		    # Until the page gives up the newest; what is on top stays there.
		    while "1,200 waiting" not in page.text("#held"):
		        page.scroll(10 ** 9)
		        topmost = page.topmost()
		    words.check(topmost, page.topmost())
		    page.click("#pause")
		    page.wait(IDS + "[0] === 5200")
		    page.scroll(28 * 200 - 300)
		    page.row("1,000 messages not shown")
		    page.check_clean()
	END
	expect_messages 5200 0
	stop_server
}

@test "messages that the stream has left out are a line that loads them" {
	start_server --recent 1000
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    # One pulse has room for a megabyte of these.
		    words.send(b"".join(b'{"i":%d,"x":"%s"}' % (i, 100000 * b"x") for i in range(100)))
		    words.wait_for_counter("messages.stored_total", 100)
		    page.wait("document.querySelector('.row.gap')?.textContent.includes('not shown')")
		    page.wait(IDS + "[0] === 100")
		    # An answer may be short, and what is left is a shorter gap then.
		    gaps = "[...document.querySelectorAll('.row.gap')].map((gap) => gap.textContent).join()"
		    while before := page.run("return " + gaps):
		        page.click(page.run("return document.querySelector('.row.gap')"))
		        page.wait("%s !== arguments[0] && !%s.includes('loading')" % (gaps, gaps), before)
		    ids = page.ids()
		    words.check(list(range(100, 100 - len(ids), -1)), ids)
		    # So long a message is fetched when it is opened.
		    page.click(page.row('"i": 99,'))
		    page.wait("document.querySelector('.details .text').textContent.length > 90000")
		    page.wait_text(".details .cut", "the rest is in the exact bytes")
		    page.check_clean()
	END
	expect_messages 100 0
	stop_server
}

@test "a rejected message is shown with its reason and the place" {
	start_server
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    page.wait("!document.getElementById('rejected-none').hidden")
		    words.send(b'{"a": 1, "b" 2}\n')
		    page.wait("document.querySelector('.rejection mark')")
		    words.check(['{"a": 1, "b" ', "2", "}"], page.run("""return [...document.querySelector(
		        ".rejection .excerpt").childNodes].map((node) => node.textContent)""")[:3])
		    words.check("syntax", page.text(".rejection .chip"))
		    page.wait_text(".rejection .error", "at byte 13")
		    words.send(b'{"half":')
		    page.wait("document.querySelectorAll('.rejection').length === 2")
		    words.check(["incomplete", "end"], [page.text(".rejection .chip"), page.text(".rejection mark")])
		    words.send(b'{"a":"\x01"}\n')
		    page.wait("document.querySelectorAll('.rejection').length === 3")
		    words.check("\\x01", page.text(".rejection mark"))
		    page.wait_text("#rejected-total", "3")
		    words.check(["2 syntax", "1 incomplete"], page.run(
		        "return [...document.querySelectorAll('.reason')].map((reason) => reason.textContent)"))
		    page.check_clean()
	END
	expect_messages 0 3
	stop_server
}

@test "what waits for the disk is counted, and the store that cannot write is said" {
	start_server --store "$BATS_TEST_TMPDIR/bio.db"
	python - "$BATS_TEST_TMPDIR/bio.db" <<-'END'
		import sys
		from page import *
		with Page() as page:
		    page.visit()
		    with words.locked(sys.argv[1]):
		        words.send(b'1\n')
		        page.wait_text("#stored-more", "1 waits for the disk")
		        words.send(b'2\n')
		        page.wait_text("#stored-more", "2 wait for the disk")
		        page.wait_text("#banner", "The store cannot write")
		    page.wait_ids([2, 1])
		    page.wait_text("#stored-more", "2 kept in")
		    page.wait("document.getElementById('banner').hidden")
		    page.check_clean()
	END
	expect_messages 2 0
	stop_server
}

@test "who is connected, how fast, and who has left" {
	start_server
	python - <<-'END'
		from page import *
		rates = "Object.fromEntries([...document.querySelectorAll('#open tr')].map(" \
		    "r => [r.children[0].textContent, parseFloat(r.children[1].textContent)]))"
		with Page() as page:
		    page.visit()
		    page.wait_text("#open-none", "Nobody is connected")
		    pump, door = (words.greet(name=name)[0] for name in ("pump-7", "door"))
		    def sends_on():
		        pump.send(b"1\n")
		        return page.run("return (%s)['pump-7'] > 1 && (%s).door === 0" % (rates, rates))
		    words.wait_for(sends_on, "a rate")
		    words.check(["door", "pump-7"], list(page.run("return " + rates)))
		    page.wait_text("#open-count", "2")
		    sent = words.counter("messages.received_total")
		    page.wait("document.querySelector('#open tr:last-child td:nth-child(3)').textContent === String(arguments[0])", sent)
		    # It is the rate of now, not that of its whole life.
		    page.wait("(%s)['pump-7'] === 0" % rates)
		    pump.close()
		    page.wait_text("#closed tr", "pump-7finished%d" % sent)
		    page.wait("document.querySelectorAll('#open tr').length === 1")
		    page.wait_text("#connections", "1")
		    door.close()
		    page.check_clean()
	END
	expect_idle
	stop_server
}

@test "a sender is called what it says later, too" {
	start_server
	python - <<-'END'
		from page import *
		with Page() as page, words.connect() as sock:
		    page.visit()
		    page.wait_text("#open th", "%s:%d" % sock.getsockname())
		    sock.sendall(words.hello_line(name="late", framing="length"))
		    page.wait_text("#open th", "late")
		    page.wait("document.querySelector('#open th').title.endsWith('length')")
		    page.check_clean()
	END
	expect_idle
	stop_server
}

@test "behind a look far back through a filter each message is there once" {
	start_server --recent 6000
	python - <<-'END'
		from page import *
		words.send(b"".join(b"1%d\n" % i for i in range(5600)))
		words.wait_for_counter("messages.stored_total", 5600)
		with Page() as page:
		    page.visit()
		    held, gap, ids = page.run_async("""const done = arguments[0];
		        import("/log.js").then(async ({ Log }) => {
		            const log = new Log(() => {}, done);
		            log.begin(5600, "&q=1");
		            log.hold();
		            while (log.waiting() === 0)
		                await log.loadOlder();
		            const held = log.entries.at(-1).id;
		            log.release();
		            const gap = log.entries.find((entry) => entry.to !== undefined);
		            while (log.entries.at(-1).id !== 5600)
		                await new Promise((next) => setTimeout(next, 20));
		            done([held, gap ?? null, log.entries.map((entry) => entry.id ?? "gap")]);
		        })""")
		    assert held < 5600, held
		    words.check(None, gap)
		    words.check(list(range(ids[0], 5601)), ids)
		    page.check_clean()
	END
	expect_messages 5600 0
	stop_server
}

@test "a search ahead of the stream neither repeats a message nor makes it wait" {
	start_server
	python - <<-'END'
		from page import *
		words.send(b"".join(b"1%d\n" % i for i in range(110)))
		words.wait_for_counter("messages.stored_total", 110)
		with Page() as page:
		    page.visit()
		    # Ten of them are stored already, and the stream has told of the first alone.
		    waiting, ids = page.run_async("""const done = arguments[0];
		        import("/log.js").then(async ({ Log }) => {
		            const told = async (id) => log.message(JSON.stringify(
		                await (await fetch("/messages/" + id)).json()));
		            const log = new Log(() => {}, done);
		            log.begin(100, "&q=1");
		            await told(101);
		            while (log.entries.at(-1)?.id !== 110)
		                await new Promise((next) => setTimeout(next, 20));
		            log.hold();
		            const waiting = log.waiting();
		            log.refilter("");
		            log.release();
		            for (let id = 102; id <= 110; id++)
		                await told(id);
		            await log.loadOlder();
		            done([waiting, log.entries.map((entry) => entry.id ?? "gap")]);
		        })""")
		    words.check(0, waiting)
		    words.check(list(range(1, 111)), ids)
		    page.check_clean()
	END
	expect_messages 110 0
	stop_server
}

@test "the charts show what came in the last minutes, and say so" {
	start_server
	python - <<-'END'
		from page import *
		highest = "Number(/accepted: .*?highest ([\\d.]+)/.exec(document.querySelector('#rate-chart .summary').textContent)?.[1])"
		with Page() as page:
		    page.visit()
		    def sends_on():
		        words.send(b"1 2 3 4 5")
		        return page.run("return %s > 4" % highest)
		    words.wait_for(sends_on, "the summary")
		    page.wait_text("#rate-chart .summary", "Messages a second over the last")
		    page.wait_text("#connections-chart .summary", "open: now")
		    words.check("now", page.text("#rate-chart .last"))
		    page.wait("document.querySelector('#rate-chart .line.accepted').getAttribute('d').split('L').length > 2")
		    words.check(["accepted", "rejected"], page.run("""return [...document.querySelectorAll(
		        "#rate-chart .legend")].map((legend) => legend.textContent.split(" ")[1])"""))
		    page.check_clean()
	END
	expect_idle
	stop_server
}

@test "a server that goes away is said, and its return goes on without gap or repeat" {
	start_server --store "$BATS_TEST_TMPDIR/bio.db"
	in_background <<-'END'
		from page import *
		with Page() as page:
		    words.send(b'1 2')
		    page.visit()
		    page.wait_ids([2, 1])
		    # While it ends it may still answer once.
		    page.run("""const ask = fetch; let answers = 1;
		        window.fetch = (url, how) => url === "/livez" && answers-- > 0 ? new Response() : ask(url, how)""")
		    step("shown", "gone")
		    page.wait_text("#state", "away")
		    page.wait_text("#banner", "does not answer since")
		    step("said", "back")
		    page.wait(LIVE)
		    words.check(True, page.run("return document.getElementById('banner').hidden"))
		    page.wait_ids([4, 3, 2, 1])
		    words.send(b'5')
		    page.wait_ids([5, 4, 3, 2, 1])
		    words.check([], page.run("return violations"))
	END
	local page=$STARTED
	in_step shown
	stop_server
	say gone
	STARTED=$page in_step said
	start_server --store "$BATS_TEST_TMPDIR/bio.db" --listen "$BIO" --http-listen "$HTTP"
	# Before the page is back.
	send_bytes '3 4'
	expect_messages 2 0
	say back
	expect_exit "$page" 0
	expect_messages 3 0
	stop_server
}

@test "a server that falls silent is said, and goes on where it was" {
	start_server
	SERVER_PID=$SERVER_PID python - <<-'END'
		from page import *
		import signal
		with Page() as page:
		    page.visit()
		    words.send(b'1 2')
		    page.wait_ids([2, 1])
		    os.kill(int(os.environ["SERVER_PID"]), signal.SIGSTOP)
		    try:
		        page.wait_text("#state", "away")
		    finally:
		        os.kill(int(os.environ["SERVER_PID"]), signal.SIGCONT)
		    words.send(b'3')
		    page.wait(LIVE)
		    page.wait_ids([3, 2, 1])
	END
	expect_messages 3 0
	stop_server
}

@test "a tab that is not seen holds no connection, and goes on when it is seen" {
	start_server
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    first, = page.tabs()
		    words.send(b'1')
		    page.wait_ids([1])
		    # A browser has six connections for all of them together.
		    for _ in range(7):
		        page.new_tab()
		        page.visit()
		    words.send(b" ".join(b"%d" % i for i in range(2, 302)))
		    page.wait(IDS + "[0] === 301")
		    page.use_tab(first)
		    page.wait(IDS + "[0] === 301")
		    words.send(b'302')
		    page.wait(IDS + "[0] === 302")
		    page.wait_text("#received", "302")
		    # The newest come by themselves, of the others a line says how many.
		    page.scroll(28 * 201 - 300)
		    page.row("100 messages not shown")
		    page.check_clean()
	END
	expect_messages 302 0
	stop_server
}

@test "after another server has come the page begins anew" {
	# It has more messages than the one before.
	start_server --store "$BATS_TEST_TMPDIR/other.db"
	send_bytes '"new" 2 3'
	expect_messages 3 0
	stop_server
	start_server
	in_background <<-'END'
		from page import *
		with Page() as page:
		    words.send(b'"old" 2 x')
		    page.visit()
		    page.wait_ids([2, 1])
		    page.wait("document.querySelectorAll('.rejection').length === 1")
		    step("shown", "back")
		    page.row("new")
		    page.wait(LIVE)
		    page.wait_ids([3, 2, 1])
		    words.check(False, page.has_row("old"))
		    page.wait("document.querySelectorAll('.rejection').length === 0")
		    page.wait("document.getElementById('received').textContent === '0'")
	END
	local page=$STARTED
	in_step shown
	stop_server
	start_server --store "$BATS_TEST_TMPDIR/other.db" --listen "$BIO" --http-listen "$HTTP"
	say back
	expect_exit "$page" 0
	expect_messages 0 0
	stop_server
}

@test "everything can be done with the keyboard, and the focus is seen" {
	start_server
	python - <<-'END'
		from page import *
		def focused():
		    return page.run("return document.activeElement.id || document.activeElement.className")
		def active():
		    return page.run("""return document.getElementById(document.getElementById("list")
		        .getAttribute("aria-activedescendant"))?.querySelector(".id")?.textContent ?? null""")
		with Page() as page:
		    page.visit()
		    words.send(b'{"i":1} {"i":2} {"i":3}')
		    page.wait_ids([3, 2, 1])
		    page.press("Tab")
		    words.check("skip", focused())
		    assert page.run("return document.activeElement.getBoundingClientRect().top >= 0")
		    page.press("Enter")
		    words.check("list", focused())
		    for keys, wanted in [(["ArrowDown"], "3"), (["ArrowDown", "ArrowDown"], "1"),
		                         (["Home"], "3"), (["End"], "1"), (["ArrowUp"], "2")]:
		        page.press(*keys)
		        page.wait("document.querySelector('.is-active .id')?.textContent === arguments[0]", wanted)
		        words.check(wanted, active())
		    words.check("solid", page.run("return getComputedStyle(document.querySelector('.is-active')).outlineStyle"))
		    page.press("Enter")
		    words.check('{\n  "i": 2\n}', page.details())
		    words.check("list", focused())
		    words.send(b"4")
		    page.wait_text("#held", "Held while you read \N{MIDDLE DOT} 1 waiting")
		    page.press("Escape")
		    page.wait("document.querySelector('.details') === null")
		    words.check("2", active())
		    page.press("Escape")
		    page.wait_ids([4, 3, 2, 1])
		    page.press("p")
		    page.wait_text("#pause", "Resume")
		    page.press("p")
		    page.wait_text("#pause", "Pause")
		    page.press("/")
		    words.check("filter", focused())
		    words.check("solid", page.run("return getComputedStyle(document.activeElement).outlineStyle"))
		    page.press(*'"i": 2', "Enter")
		    page.wait_text("#end", "no message matches")
		    page.press("/")
		    page.type("#filter", ".i=2")
		    page.wait_ids([2])
		    # Whatever can have the focus has a name.
		    words.check([], page.run("""return [...document.querySelectorAll("a, button, input, [tabindex]")].filter((element) =>
		        !(element.textContent.trim() || element.getAttribute("aria-label"))).map((element) => element.outerHTML)"""))
		    page.check_clean()
	END
	expect_messages 4 0
	stop_server
}

@test "a gap that is loaded with the keyboard leaves the place to what it had" {
	start_server --recent 1000
	python - <<-'END'
		from page import *
		ACTIVE = "document.querySelector('.is-active%s')?.textContent.includes(arguments[0])"
		with Page() as page:
		    page.visit()
		    page.click("#pause")
		    for last in (400, 800):
		        words.send(b" ".join(b"0" for _ in range(400)))
		        page.wait_text("#held", "%d waiting" % last)
		    page.click("#pause")
		    page.wait(IDS + "[0] === 800")
		    page.run("document.getElementById('list').focus()")
		    page.press("Home", *200 * ["ArrowDown"])
		    page.wait(ACTIVE % ".gap", "100 messages not shown")
		    page.press("Enter")
		    page.wait(ACTIVE % " .id", "600")
		    page.wait_text("#held", "Held while you read")
		    page.press("ArrowDown")
		    page.wait(ACTIVE % " .id", "599")
		    page.check_clean()
	END
	expect_messages 800 0
	stop_server
}

@test "a flood leaves the page responsive, and what it shows bounded" {
	start_server
	python - <<-'END'
		from page import *
		import threading, time
		ended, sent = threading.Event(), 0
		def flood():
		    global sent
		    with words.connect() as sock:
		        while not ended.wait(0.1):
		            sock.sendall(b"".join(b'{"i":%d,"text":"a message of usual length","ok":true}\n' % (sent + i) for i in range(1000)))
		            sent += 1000
		with Page() as page:
		    page.visit()
		    flooder = threading.Thread(target=flood)
		    flooder.start()
		    try:
		        page.wait("Number(document.getElementById('received').textContent.replace(/,/g, '')) > 5000")
		        frames = page.run_async("""const done = arguments[0], begun = performance.now();
		            let frames = 0;
		            const frame = (now) => {
		                frames++;
		                if (now - begun > 3000) done(frames); else requestAnimationFrame(frame);
		            };
		            requestAnimationFrame(frame)""")
		        assert frames > 10, frames
		        assert page.elements() < 1500, page.elements()
		        page.press("p")
		        page.wait_text("#held", "Paused")
		        held = page.ids()
		        page.wait("document.getElementById('held').textContent.includes(',')")
		        words.check(held, page.ids())
		        page.press("p")
		        page.wait(IDS + "[0] > arguments[0]", held[0])
		    finally:
		        ended.set()
		        flooder.join()
		    words.wait_for_counter("messages.stored_total", sent)
		    page.wait(IDS + "[0] === arguments[0]", sent)
		    assert page.elements() < 1500, page.elements()
		    page.check_clean()
	END
	expect_idle
	expect_counter 'messages.rejected_total|add' 0
	stop_server
}

@test "the page fits a telephone, and is dark and calm where that is asked for" {
	start_server
	python - <<-'END'
		from page import *
		with Page() as page:
		    page.visit()
		    peers = [words.greet(name=name)[0] for name in ("pump-7", "door-north", "orders")]
		    for i in range(40):
		        peers[i % 3].send(b'{"send_user":"Ann","send_msg":"hello","number":%d,"ok":true}\n' % i)
		    peers[1].send(b'{"level": "info" "text": "no comma"}\n')
		    page.row('"number": 39')
		    page.wait("document.querySelector('.rejection') && document.querySelectorAll('#open tr').length === 3")
		    page.wait("document.querySelectorAll('#rate-chart text').length > 4")
		    light = page.run("return getComputedStyle(document.documentElement).backgroundColor")
		    page.picture("light.png")
		    page.prefer(prefers_color_scheme="dark", prefers_reduced_motion="reduce")
		    page.wait("getComputedStyle(document.documentElement).backgroundColor !== arguments[0]", light)
		    page.picture("dark.png")
		    words.send(b'"calm"')
		    row = page.row("calm")
		    words.check(False, page.run("return arguments[0].classList.contains('fresh')", row))
		    for width in (320, 390, 800):
		        page.size(width, 844)
		        words.check([], page.run("""return [...document.querySelectorAll("body *")].filter((element) =>
		            !element.closest(".scroll, .list, .unseen, .skip") && element.getBoundingClientRect().right > innerWidth + 1)
		            .map((element) => element.outerHTML.slice(0, 80))"""))
		        words.check(True, page.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
		    page.size(390, 844)
		    page.prefer(prefers_color_scheme="light")
		    page.picture("narrow.png")
		    page.check_clean()
		    for peer in peers:
		        peer.close()
	END
	expect_idle
	expect_messages 41 1
	stop_server
}

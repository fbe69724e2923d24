/*
 * page: puts the parts together: what the feed brings goes to the log and its list, to
 * the totals, the charts and the tables.
 *
 * SPDX-License-Identifier: MIT
 */
import { Chart } from "./chart.js";
import { Connections } from "./connections.js";
import { Feed } from "./feed.js";
import { List } from "./list.js";
import { Log } from "./log.js";
import { Rejected } from "./rejected.js";
import { brief, byId, bytes, clock, count, duration, rate, setText } from "./words.js";

const SUMMARIZE_EVERY = 10; /* stats */
const TYPING_MS = 250;
const ANSWER_MAX_MS = 2000;
const RATE_MAX_S = 5; /* from one document of counters to the next */

/*
 * What is typed, as parameters of /messages: .field=value and .field="two words" are
 * fields, the rest is text.
 */
function parametersOf(text) {
	const parameters = new URLSearchParams(), words = [];

	for (const [word] of text.matchAll(/\.[^\s=]*="[^"]*"|\S+/g)) {
		const equals = word.indexOf("=");

		if (word.startsWith(".") && equals > 0)
			parameters.append(word.slice(0, equals),
				word.slice(equals + 1).replace(/^"(.*)"$/, "$1"));
		else
			words.push(word);
	}
	if (words.length > 0)
		parameters.append("q", words.join(" "));
	const query = String(parameters);

	return query === "" ? "" : `&${query}`;
}

const log = new Log(() => list.schedule(), showMistake);
const list = new List(log, showHeld);
const connections = new Connections();
const rejected = new Rejected();
const rateChart = new Chart(byId("rate-chart"), "Messages a second", [
	{ name: "accepted", className: "accepted", isArea: true },
	{ name: "rejected", className: "rejected", isArea: false },
]);
const connectionsChart = new Chart(byId("connections-chart"), "Connections", [
	{ name: "open", className: "open", isArea: true },
]);
let before = null; /* the stats of a second ago */
let statsCount = 0, isDrawing = false;
let awaySince = null; /* a time of day, while the server is away */

function sum(byReason) {
	return Object.values(byReason).reduce((total, n) => total + n, 0);
}

function showState(text, className) {
	setText(byId("state"), text);
	byId("state").className = `state ${className}`;
}

function showBanner(text) {
	setText(byId("banner"), text);
	byId("banner").hidden = text === "";
}

function showMistake(text) {
	setText(byId("filter-mistake"), text);
	byId("filter").setAttribute("aria-invalid", text !== "");
	list.schedule();
}

function showHeld(reason) {
	const waiting = log.waiting();

	setText(byId("held"), reason === "" ? ""
		: log.filter !== "" ? `${reason} \u00b7 ${count(waiting)} to be searched`
		: `${reason} \u00b7 ${count(waiting)} waiting`);
	setText(byId("pause"), reason === "" ? "Pause" : "Resume");
	byId("pause").classList.toggle("is-held", reason !== "");
}

function showTotals(stats) {
	const { messages, store } = stats;
	const rejectedTotal = sum(messages.rejected_total);
	const all = messages.received_total + rejectedTotal;

	setText(byId("rate-more"),
		`${rate(messages.rate_per_second["60s"])} over a minute`);
	setText(byId("received"), count(messages.received_total));
	setText(byId("received-more"), `${bytes(stats.bytes.received_total)} in ` +
		duration(stats.uptime_seconds));
	setText(byId("rejected-total"), count(rejectedTotal));
	setText(byId("rejected-more"), rejectedTotal === 0 ? "none so far"
		: `${rate(100 * rejectedTotal / all)} % of all`);
	byId("rejected-tile").classList.toggle("is-bad", rejectedTotal > 0);
	setText(byId("connections"), count(stats.connections.current));
	setText(byId("connections-more"), `peak ${brief(stats.connections.peak)}, ` +
		`${brief(stats.connections.accepted_total)} in all`);
	setText(byId("stored"), count(messages.stored_total));
	setText(byId("stored-more"), store === null ? "in memory only"
		: messages.queued > 1 ? `${brief(messages.queued)} wait for the disk`
		: messages.queued === 1 ? "1 waits for the disk"
		: `${brief(store.messages)} kept in ${bytes(store.size_bytes)}`);
	byId("stored-tile").classList.toggle("is-bad", store?.state === "failing");
}

function showServer(stats) {
	setText(byId("server"), `version ${stats.version} \u00b7 up ` +
		`${duration(stats.uptime_seconds)} \u00b7 ` +
		(stats.store === null ? "no store" : stats.store.path));
	if (stats.state === "draining")
		showState("stopping", "is-waiting");
	else
		showState("live", "is-live");
	showBanner(stats.store?.state !== "failing" ? "" : "The store cannot write. " +
		"What is accepted waits in memory; the server\u2019s log says why.");
}

function addSamples(stats) {
	const at = Date.parse(stats.now) / 1000;
	const now = {
		at, start: stats.start_time, received: stats.messages.received_total,
		rejected: sum(stats.messages.rejected_total),
	};

	/* Another run counts from 0 again, and over a while unseen it is no rate of now. */
	if (before !== null && before.start === now.start && at > before.at &&
		at - before.at < RATE_MAX_S) {
		const accepted = (now.received - before.received) / (at - before.at);

		setText(byId("rate"), rate(accepted));
		rateChart.add(at,
			[accepted, (now.rejected - before.rejected) / (at - before.at)]);
	}
	connectionsChart.add(at, [stats.connections.current]);
	if (before !== null && before.start !== now.start) {
		connections.forget();
		rejected.forget();
	}
	before = now;
}

function takeStats(stats) {
	showTotals(stats);
	showServer(stats);
	addSamples(stats);
	rejected.take(stats.messages.rejected_total);
	/* There are no frames while the page cannot be seen. */
	if (!isDrawing)
		requestAnimationFrame(drawCharts);
	isDrawing = true;
}

function drawCharts() {
	isDrawing = false;
	rateChart.draw();
	connectionsChart.draw();
	if (statsCount++ % SUMMARIZE_EVERY === 2) {
		rateChart.summarize();
		connectionsChart.summarize();
	}
}

/* Says since when, and whether it is the server or its stream alone that is missing. */
async function explainAway() {
	let answers = false;

	awaySince ??= clock(new Date());
	try {
		const signal = AbortSignal.timeout(ANSWER_MAX_MS);

		answers = (await fetch("/livez", { signal })).ok;
	} catch {
		/* Which is what the banner says. */
	}
	if (awaySince === null)
		return;
	showBanner(answers ? `The server sends no events since ${awaySince}; ` +
		"it may have too many readers. This page tries again."
		: `The server does not answer since ${awaySince}. ` +
		"This page goes on by itself when it is back.");
}

const feed = new Feed({
	hello(newest, isOther) {
		if (isOther)
			log.begin(newest ?? 0, parametersOf(byId("filter").value));
		else
			log.goOn(newest ?? 0);
		showState("live", "is-live");
	},
	message: (line) => log.message(line),
	gap: ({ from, to }) => log.gap(from, to),
	reset: (newest) => log.begin(newest ?? 0, log.filter),
	stats: takeStats,
	away() {
		showState("away", "is-away");
		explainAway();
	},
	back() {
		awaySince = null;
		showBanner("");
	},
});

function filterBy(text) {
	const filter = parametersOf(text);

	history.replaceState(null, "", text === "" ? "/"
		: `#${new URLSearchParams({ filter: text })}`);
	showMistake("");
	if (filter !== log.filter) {
		log.refilter(filter);
		list.resume();
	}
}

function listenToFilter() {
	const input = byId("filter");
	let timer = 0;

	input.value = new URLSearchParams(location.hash.slice(1)).get("filter") ?? "";
	input.addEventListener("input", () => {
		clearTimeout(timer);
		timer = setTimeout(() => filterBy(input.value.trim()), TYPING_MS);
	});
	input.addEventListener("keydown", (event) => {
		if (event.key !== "Escape")
			return;
		event.preventDefault();
		input.value = "";
		filterBy("");
		list.focus();
	});
	byId("filter-form").addEventListener("submit", (event) => {
		event.preventDefault();
		clearTimeout(timer);
		filterBy(input.value.trim());
		list.focus();
	});
}

function togglePause() {
	if (list.isHeld)
		list.resume();
	else
		list.pause();
}

/* Keys for the whole page, where nobody types. */
function listenToKeys() {
	document.addEventListener("keydown", (event) => {
		const isOther = event.ctrlKey || event.altKey || event.metaKey;

		if (event.target.closest("input") !== null || isOther)
			return;
		if (event.key === "/") {
			event.preventDefault();
			byId("filter").focus();
		} else if (event.key === "p") {
			togglePause();
		}
	});
}

/* Its own way would put its anchor in the address, where the filter stands. */
document.querySelector(".skip").addEventListener("click", (event) => {
	event.preventDefault();
	list.focus();
});
byId("pause").addEventListener("click", togglePause);
byId("search-on").addEventListener("click", () => log.searchOn());
/* An address of IPv6 has brackets in a URL, and nowhere else. */
setText(byId("example"), "echo '{\"hello\": \"world\"}' | nc -q 0 " +
	`${location.hostname.replace(/[[\]]/g, "")} PORT`);
listenToFilter();
listenToKeys();
feed.start();
connections.start();

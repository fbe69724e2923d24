/*
 * log: the messages that the page holds, and what it knows of the others.
 *
 * Entries are a message {id, line} or a gap {from, to}, oldest first.  Together they
 * cover every id from the oldest entry to the newest without a hole, so nothing is left
 * out unsaid; what came while the list is held waits behind them, and what is older than
 * all of them is asked for when somebody wants to see it.  With a filter the server
 * chooses the messages, and gaps are what it has not searched.
 *
 * It is bounded: live, by the newest LIVE_MAX entries; in history, by HISTORY_MAX.
 *
 * SPDX-License-Identifier: MIT
 */
import { readId, readMessage, readPage } from "./json.js";

const LIVE_MAX = 500;
const HISTORY_MAX = 5000;
const WAITING_MAX = 500;
const PAGE_LIMIT = 200;

const SEARCH_LIMIT = 500;
const SEARCH_EVERY_MS = 250;
/* A search that is so far behind leaves a gap and goes on with the newest. */
const SEARCH_BEHIND_MAX = 100000;
/* So many pages without a match, and somebody has to say that it should go on. */
const EMPTY_PAGES_MAX = 50;
const RETRY_MS = 1000;

/* A longer message is not kept whole, but asked for when it is opened. */
const LINE_MAX = 16384;
const EXCERPT_CHARS = 2048;

/* A copy: a slice would keep the whole text it was taken from. */
function copyOf(text) {
	return new TextDecoder().decode(new TextEncoder().encode(text));
}

function entryOf(line) {
	const entry = { id: readId(line), line, message: null, arrived: 0 };

	if (line.length > LINE_MAX) {
		entry.line = null;
		entry.message = readMessage(line);
		entry.message.text = copyOf(entry.message.text.slice(0, EXCERPT_CHARS));
		entry.message.isExcerpt = true;
	}
	return entry;
}

/* What is known of the messages before an id: how far they have been asked for. */
function olderThan(before) {
	return {
		before, isDone: before <= 1, isLoading: false, mistake: "", emptyPages: 0,
	};
}

function gapOf(from, to) {
	return { from, to, isLoading: false };
}

export function isGap(entry) {
	return entry.from !== undefined;
}

/* The lowest id that an entry covers. */
export function lowestId(entry) {
	return isGap(entry) ? entry.from : entry.id;
}

export function sizeOf(entry) {
	return isGap(entry) ? entry.to - entry.from + 1 : 1;
}

/* What is shown of a message is read when it is shown. */
export function messageOf(entry) {
	entry.message ??= readMessage(entry.line);
	return entry.message;
}

/* What an answer says is wrong; what does not come from the server itself says little. */
function detailOf(text, response) {
	try {
		return JSON.parse(text).detail;
	} catch {
		return `${response.status} ${response.statusText}`;
	}
}

/* Appends a gap, which may be one with the gap before it. */
function pushGap(entries, from, to) {
	const last = entries[entries.length - 1];

	if (last !== undefined && isGap(last) && last.to === from - 1 && !last.isLoading)
		last.to = to;
	else
		entries.push(gapOf(from, to));
}

export class Log {
	entries = [];
	filter = ""; /* "", or parameters that begin with & */
	older = olderThan(1);
	#waiting = [];
	#isHeld = false;
	#newest = 0;   /* id that the stream has told of, and nothing else */
	#searched = 0; /* id up to which a filter has been looked for */
	#isSearching = false;
	#isRefused = false; /* the filter, by the server */
	#aborter = new AbortController();
	#changed;
	#refused;

	/* changed() when anything has; refused(detail) when the filter is no good. */
	constructor(changed, refused) {
		this.#changed = changed;
		this.#refused = refused;
	}

	/* Begins anew behind the newest message; what is older is asked for. */
	begin(newest, filter) {
		this.#aborter.abort();
		this.#aborter = new AbortController();
		this.filter = filter;
		this.entries = [];
		this.#waiting = [];
		this.#newest = newest;
		this.#searched = newest;
		this.#isSearching = false;
		this.#isRefused = false;
		this.#askOlderThan(newest + 1);
		this.#changed();
	}

	refilter(filter) {
		this.begin(this.#newest, filter);
	}

	/* After a break of the stream: what it did not bring becomes a gap. */
	goOn(newest) {
		if (newest < this.#newest) {
			this.begin(newest, this.filter);
		} else if (newest > this.#newest) {
			this.gap(this.#newest + 1, newest);
			this.#fillLast();
		}
		this.older.mistake = "";
		this.#changed();
	}

	message(line) {
		this.#newest = readId(line);
		if (this.filter !== "")
			this.#search();
		else if (this.#isHeld)
			this.#wait(entryOf(line));
		else
			this.#show(entryOf(line));
		this.#changed();
	}

	gap(from, to) {
		this.#newest = to;
		if (this.filter !== "")
			this.#search();
		else if (this.#isHeld)
			pushGap(this.#waiting, from, to);
		else
			pushGap(this.entries, from, to);
		this.#changed();
	}

	hold() {
		this.#isHeld = true;
	}

	/* What waited comes behind what was shown last. */
	release() {
		this.#isHeld = false;
		for (const entry of this.#waiting)
			this.entries.push(entry);
		this.#waiting = [];
		this.#trim();
		this.#fillLast();
		this.#search();
		this.#changed();
	}

	/* Who comes back sees the newest, not a gap. */
	#fillLast() {
		const last = this.entries[this.entries.length - 1];

		if (last !== undefined && isGap(last) && !this.#isHeld)
			this.fill(last);
	}

	/*
	 * How many messages wait; of a filter, how many are not searched yet.  A search
	 * may be ahead of what the stream has told.
	 */
	waiting() {
		if (this.filter !== "")
			return Math.max(0, this.#newest - this.#searched);
		return this.#waiting.reduce((sum, entry) => sum + sizeOf(entry), 0);
	}

	/* The first messages that wait are kept, of the others only the ids. */
	#wait(entry) {
		if (this.#waiting.length >= WAITING_MAX)
			pushGap(this.#waiting, entry.id, entry.id);
		else
			this.#waiting.push(entry);
	}

	#show(entry) {
		entry.arrived = performance.now();
		this.entries.push(entry);
		/* Not one by one. */
		if (this.entries.length > LIVE_MAX * 1.2)
			this.#trim();
	}

	#trim() {
		if (this.entries.length <= LIVE_MAX)
			return;
		this.entries.splice(0, this.entries.length - LIVE_MAX);
		this.#askOlderThan(lowestId(this.entries[0]));
	}

	#askOlderThan(before) {
		this.older = olderThan(before);
	}

	#refuse(detail) {
		this.#isRefused = true;
		this.#refused(detail);
	}

	/* A page of messages, or null; mistake(text) where asking again may help. */
	async #ask(parameters, mistake) {
		const signal = this.#aborter.signal;

		try {
			const url = `/messages?${parameters}${this.filter}`;
			const response = await fetch(url, { signal });
			const text = await response.text();

			if (response.ok)
				return readPage(text);
			if (response.status === 400 && this.filter !== "")
				this.#refuse(detailOf(text, response));
			else
				mistake(detailOf(text, response));
		} catch (error) {
			if (!signal.aborted)
				mistake("the server cannot be reached");
		}
		return null;
	}

	/* Fetches a page of what is older than everything here. */
	async loadOlder() {
		const older = this.older;

		if (older.isDone || older.isLoading || older.mistake !== "" ||
			older.emptyPages >= EMPTY_PAGES_MAX || this.#isRefused)
			return;
		older.isLoading = true;
		const page = await this.#ask(`before=${older.before}&limit=${PAGE_LIMIT}`,
			(mistake) => this.#retryOlder(older, mistake));
		older.isLoading = false;
		/* It may be about another list by now. */
		if (page === null || older !== this.older)
			return;
		older.emptyPages = page.lines.length === 0 ? older.emptyPages + 1 : 0;
		older.isDone = page.next === null;
		older.before = page.next;
		this.entries.unshift(...page.lines.map(entryOf).reverse());
		if (this.entries.length > HISTORY_MAX)
			this.#forgetNewest();
		this.#changed();
	}

	#retryOlder(older, mistake) {
		older.mistake = mistake;
		this.#changed();
		setTimeout(() => {
			older.mistake = "";
			this.#changed();
		}, RETRY_MS);
	}

	/* Whether it has stopped where nobody may want it to go on. */
	isTired() {
		return this.older.emptyPages >= EMPTY_PAGES_MAX;
	}

	/* Somebody wants it to go on through pages without a match. */
	searchOn() {
		this.older.emptyPages = 0;
		this.#changed();
	}

	/*
	 * Deep in history the newest are given up, and wait as one gap; with a filter they
	 * are searched again.
	 */
	#forgetNewest() {
		const [first] = this.entries.splice(HISTORY_MAX * 0.8);

		this.#searched = lowestId(first) - 1;
		this.#waiting = [];
		if (this.filter === "")
			pushGap(this.#waiting, lowestId(first), this.#newest);
	}

	/* Fetches the newest page of a gap; what remains of it stays one. */
	async fill(gap) {
		if (gap.isLoading)
			return;
		gap.isLoading = true;
		this.#changed();
		const range = `after=${gap.from - 1}&before=${gap.to + 1}`;
		const page = await this.#ask(`${range}&limit=${PAGE_LIMIT}`, () => {});
		const at = this.entries.indexOf(gap);

		gap.isLoading = false;
		if (page !== null && at >= 0) {
			const entries = page.lines.map(entryOf).reverse();

			if (page.next !== null && page.next > gap.from)
				entries.unshift(gapOf(gap.from, page.next - 1));
			this.entries.splice(at, 1, ...entries);
		}
		this.#changed();
	}

	/* Looks for the filter in what has come since the last time. */
	async #search() {
		if (this.#isSearching || this.filter === "" || this.#isHeld ||
			this.#searched >= this.#newest || this.#isRefused)
			return;
		const signal = this.#aborter.signal, newest = this.#newest;

		const begun = performance.now();
		const range = `after=${this.#searched}&order=asc`;

		this.#isSearching = true;
		const page = await this.#ask(`${range}&limit=${SEARCH_LIMIT}`, () => {});
		if (signal.aborted)
			return;
		if (page !== null && !this.#isHeld)
			this.#takeSearched(page, newest);
		/* Not more often than this, and not at once where it failed. */
		const pause = page === null ? RETRY_MS
			: begun + SEARCH_EVERY_MS - performance.now();

		setTimeout(() => {
			if (!signal.aborted) {
				this.#isSearching = false;
				this.#search();
			}
		}, Math.max(0, pause));
	}

	#takeSearched(page, newest) {
		const entries = page.lines.map(entryOf);
		const last = entries[entries.length - 1]?.id ?? 0;

		for (const entry of entries)
			this.#show(entry);
		this.#searched = page.next ?? Math.max(newest, last);
		if (this.#newest - this.#searched > SEARCH_BEHIND_MAX) {
			pushGap(this.entries, this.#searched + 1, this.#newest);
			this.#searched = this.#newest;
		}
		this.#changed();
	}
}

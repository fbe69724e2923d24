/*
 * list: the messages on the screen, newest first.
 *
 * Only the rows that can be seen, and a few around them, are in the document; all rows
 * are of one height but those that are open.  Everything is written once a frame, however
 * much has come.  The list is held, so that nothing moves under the eyes or the hand,
 * while it is paused, scrolled down, or has a row that is active; what comes then waits.
 *
 * The focus stays on the list itself, the active row is named by aria-activedescendant:
 * rows come and go, the focus must not go with them.
 *
 * SPDX-License-Identifier: MIT
 */
import { layOut } from "./json.js";
import { isGap, lowestId, messageOf, sizeOf } from "./log.js";
import { byId, bytes, clock, count, counted, hue, make, setText, who } from "./words.js";

const ROWS_AROUND = 6;
const OPEN_MAX = 20;
const LINE_CHARS = 400;
const DETAILS_CHARS = 100000;
/* Older messages are asked for before their place comes into sight. */
const AHEAD_PX = 1200;
/* New rows are pointed out while there are few of them. */
const FRESH_MS = 400;
const FRESH_MAX = 8;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

function appendPieces(parent, pieces) {
	for (const { kind, text } of pieces)
		parent.append(kind === "plain" ? text : make("span", kind, text));
}

function appendNote(parent, text) {
	parent.append(make("span", "cut", `\n\u2026 ${text}`));
}

/* A message's own text, pretty-printed, as far as it is of use on a screen. */
function appendText(parent, text) {
	const { pieces, isCut } = layOut(text, true, DETAILS_CHARS);

	parent.replaceChildren();
	appendPieces(parent, pieces);
	if (isCut)
		appendNote(parent, "the rest is in the exact bytes");
}

export class List {
	#log;
	#rendered;
	#scroller = byId("list");
	#canvas = byId("rows");
	#end = byId("end");
	#rows = new Map(); /* entry -> the element of its row */
	#entries = new WeakMap(); /* and back */
	#spare = [];
	#open = new Map(); /* entry -> its details: {element, height} */
	#active = null;    /* an entry */
	#topmost = null;   /* {entry, y}: what was seen first, and where it was */
	#isPaused = false;
	#heldFor = ""; /* why nothing may move; "" where it may */
	#isScheduled = false;
	#rowHeight = 0;
	#keys = {
		ArrowDown: () => this.#step(1),
		ArrowUp: () => this.#step(-1),
		ArrowRight: () => this.#setOpen(true),
		ArrowLeft: () => this.#setOpen(false),
		PageDown: () => this.#step(this.#rowsOfPage()),
		PageUp: () => this.#step(-this.#rowsOfPage()),
		Home: () => this.#step(-Infinity),
		End: () => this.#step(Infinity),
		Enter: () => this.#toggleActive(),
		" ": () => this.#toggleActive(),
		Escape: () => this.#escape(),
	};

	/* rendered(reason) after each frame that was written; why it is held, or "". */
	constructor(log, rendered) {
		this.#log = log;
		this.#rendered = rendered;
		this.#scroller.addEventListener("scroll", () => this.#settle());
		this.#scroller.addEventListener("keydown", (event) => this.#key(event));
		this.#canvas.addEventListener("click", (event) => this.#click(event));
		new ResizeObserver(() => this.#measure()).observe(this.#scroller);
	}

	/* Writes everything before the next frame. */
	schedule() {
		if (this.#isScheduled)
			return;
		this.#isScheduled = true;
		requestAnimationFrame(() => {
			this.#isScheduled = false;
			this.#render();
		});
	}

	pause() {
		this.#isPaused = true;
		this.#settle();
	}

	/* Goes on where it was held, with the newest in sight. */
	resume() {
		this.#isPaused = false;
		this.#active = null;
		this.#open.clear();
		this.#scroller.scrollTop = 0;
		this.#settle();
	}

	get isHeld() {
		return this.#heldFor !== "";
	}

	focus() {
		this.#scroller.focus();
	}

	/* Whether it has to be held follows from what is going on. */
	#settle() {
		const isReading = this.#active !== null || this.#open.size > 0;
		const heldFor = this.#isPaused ? "Paused"
			: isReading ? "Held while you read"
			: this.#scroller.scrollTop > 4 ? "Held while you look back" : "";

		if (heldFor !== "" && this.#heldFor === "")
			this.#log.hold();
		else if (heldFor === "" && this.#heldFor !== "")
			this.#log.release();
		this.#heldFor = heldFor;
		this.schedule();
	}

	#measure() {
		const style = getComputedStyle(this.#scroller);

		this.#rowHeight = parseFloat(style.getPropertyValue("--row-height"));
		for (const details of this.#open.values())
			details.height = 0;
		this.schedule();
	}

	/* How many entries begin below an id. */
	#countBelow(id) {
		const entries = this.#log.entries;
		let low = 0, high = entries.length;

		while (low < high) {
			const middle = (low + high) >> 1;

			if (lowestId(entries[middle]) < id)
				low = middle + 1;
			else
				high = middle;
		}
		return low;
	}

	/* An entry's place from the top, 0 for the newest; -1 where it has left. */
	#indexOf(entry) {
		const entries = this.#log.entries;
		const at = this.#countBelow(lowestId(entry));

		return entries[at] === entry ? entries.length - 1 - at : -1;
	}

	/* What stands where an entry has left: of a gap, what it has become. */
	#heirOf(entry) {
		if (!isGap(entry))
			return null;
		return this.#log.entries[this.#countBelow(entry.to + 1) - 1] ?? null;
	}

	#entryAt(index) {
		return this.#log.entries[this.#log.entries.length - 1 - index];
	}

	/* The open rows that are still there, as [index, details], from the top. */
	#openRows() {
		const rows = [];

		for (const [entry, details] of this.#open) {
			const index = this.#indexOf(entry);

			if (index < 0)
				this.#open.delete(entry);
			else
				rows.push([index, details]);
		}
		return rows.sort((a, b) => a[0] - b[0]);
	}

	#topOf(index, openRows) {
		const above = openRows.filter(([open]) => open < index);

		return above.reduce((sum, [, { height }]) => sum + height,
			index * this.#rowHeight);
	}

	/* The row that is at so many pixels from the top. */
	#indexAt(y, openRows) {
		let above = 0;

		for (const [index, details] of openRows) {
			if ((index + 1) * this.#rowHeight + above > y)
				break;
			if ((index + 1) * this.#rowHeight + above + details.height > y)
				return index;
			above += details.height;
		}
		return Math.floor((y - above) / this.#rowHeight);
	}

	#render() {
		const total = this.#log.entries.length;

		if (this.#rowHeight === 0)
			return;
		if (this.#active !== null && this.#indexOf(this.#active) < 0) {
			this.#active = this.#heirOf(this.#active);
			this.#settle();
		}
		const openRows = this.#openRows();

		this.#keepPlace(openRows);
		const top = this.#scroller.scrollTop;
		const bottom = top + this.#scroller.clientHeight;
		const first = Math.max(0, this.#indexAt(top, openRows) - ROWS_AROUND);
		const last = Math.min(total - 1,
			this.#indexAt(bottom, openRows) + ROWS_AROUND);

		this.#fillRows(first, last);
		this.#measureOpen(openRows);
		this.#place(first, last, openRows);
		this.#renderEnd(total, this.#topOf(total, openRows));
		this.#rememberPlace(openRows);
		this.#scroller.setAttribute("aria-rowcount", total);
		if (bottom + AHEAD_PX > this.#topOf(total, openRows))
			this.#log.loadOlder();
		this.#rendered(this.#heldFor);
	}

	/* While it is held, what is on top stays there, whatever comes or goes above. */
	#keepPlace(openRows) {
		const topmost = this.#topmost;
		const index = topmost === null ? -1 : this.#indexOf(topmost.entry);

		if (!this.isHeld || index < 0)
			return;
		const moved = this.#topOf(index, openRows) - topmost.y;

		/* There has to be room for it first. */
		if (moved > 0)
			this.#canvas.style.height =
				`${this.#topOf(this.#log.entries.length, openRows)}px`;
		if (moved !== 0)
			this.#scroller.scrollTop += moved;
	}

	#rememberPlace(openRows) {
		const index = this.#indexAt(this.#scroller.scrollTop, openRows);
		const entry = this.#entryAt(index);

		this.#topmost = entry === undefined ? null
			: { entry, y: this.#topOf(index, openRows) };
	}

	/* Sees that exactly these rows are in the document. */
	#fillRows(first, last) {
		const wanted = new Set(), made = [];

		for (let index = first; index <= last; index++)
			wanted.add(this.#entryAt(index));
		for (const [entry, element] of this.#rows) {
			if (!wanted.has(entry)) {
				this.#rows.delete(entry);
				this.#spare.push(element);
			}
		}
		for (const entry of wanted) {
			if (!this.#rows.has(entry)) {
				this.#rows.set(entry, this.#makeRow(entry));
				made.push(entry);
			}
		}
		for (const element of this.#spare.splice(0))
			element.remove();
		this.#putInOrder(wanted);
		this.#pointOut(made);
	}

	/* In the document they stand as they are seen; few have to be moved for that. */
	#putInOrder(entries) {
		let next = this.#canvas.firstChild;

		for (const entry of entries) {
			const row = this.#rows.get(entry);

			if (row === next)
				next = next.nextSibling;
			else
				this.#canvas.insertBefore(row, next);
		}
	}

	#pointOut(made) {
		const now = performance.now();
		const fresh = made.filter((entry) => now - entry.arrived < FRESH_MS);

		if (fresh.length > FRESH_MAX || calm.matches)
			return;
		for (const entry of fresh)
			this.#rows.get(entry).classList.add("fresh");
	}

	#makeRow(entry) {
		/* Taken from one that has left: its places are filled anew. */
		const row = this.#spare.pop() ?? make("div");

		row.className = "row";
		row.setAttribute("role", "row");
		row.removeAttribute("aria-expanded");
		row.replaceChildren();
		row.id = `row-${lowestId(entry)}`;
		this.#entries.set(row, entry);
		if (isGap(entry))
			this.#makeGap(row);
		else
			this.#makeMessage(row, entry);
		return row;
	}

	#makeCell(row, className, text) {
		const cell = make("span", className, text);

		cell.setAttribute("role", "gridcell");
		row.append(cell);
		return cell;
	}

	#makeGap(row) {
		row.classList.add("gap");
		this.#makeCell(row, "gap-text");
	}

	#makeMessage(row, entry) {
		const message = messageOf(entry);
		const { id, received_at: at, connection, peer, text } = message;
		const whoClass = `who ${hue(connection)}`;

		this.#makeCell(row, "id", String(id));
		this.#makeCell(row, "time", clock(at)).title = at;
		this.#makeCell(row, whoClass, who(message)).title =
			`connection ${connection} from ${peer}`;
		appendPieces(this.#makeCell(row, "data"),
			layOut(text, false, LINE_CHARS).pieces);
		const details = this.#open.get(entry);

		if (details !== undefined)
			row.append(details.element);
	}

	#measureOpen(openRows) {
		for (const [index, details] of openRows) {
			if (this.#rows.has(this.#entryAt(index)))
				details.height = details.element.offsetHeight;
		}
	}

	#place(first, last, openRows) {
		let y = this.#topOf(first, openRows);
		const open = new Map(openRows);

		for (let index = first; index <= last; index++) {
			const entry = this.#entryAt(index);
			const row = this.#rows.get(entry);
			const details = open.get(index);

			row.style.transform = `translateY(${y}px)`;
			row.setAttribute("aria-rowindex", index + 1);
			row.classList.toggle("is-open", details !== undefined);
			row.classList.toggle("is-active", entry === this.#active);
			if (isGap(entry))
				setText(row.firstChild, this.#gapText(entry));
			else
				row.setAttribute("aria-expanded", details !== undefined);
			y += this.#rowHeight + (details?.height ?? 0);
		}
		if (this.#rows.has(this.#active))
			this.#scroller.setAttribute("aria-activedescendant",
				`row-${lowestId(this.#active)}`);
		else
			this.#scroller.removeAttribute("aria-activedescendant");
	}

	#gapText(gap) {
		const messages = counted(sizeOf(gap), "message");
		const them = sizeOf(gap) === 1 ? "it" : "them";

		if (gap.isLoading)
			return "loading\u2026";
		if (this.#log.filter !== "")
			return `${messages} not searched \u2013 search ${them}`;
		return `${messages} not shown \u2013 load ${them}`;
	}

	#renderEnd(total, y) {
		const { isDone, mistake, before } = this.#log.older;
		const isTired = this.#log.isTired();
		const text = mistake !== "" ? `${mistake}; trying again`
			: isTired ? `nothing more back to message ${count(before)}`
			: !isDone ? "loading older messages\u2026"
			: total > 0 ? "nothing older is kept"
			: this.#log.filter !== "" ? "no message matches the filter" : "";

		setText(this.#end.firstElementChild, text);
		this.#end.lastElementChild.hidden = !isTired;
		this.#end.style.transform = `translateY(${y}px)`;
		this.#canvas.style.height = `${y + this.#end.offsetHeight}px`;
		byId("nothing").hidden = total > 0 || !isDone || this.#log.filter !== "";
	}

	#click(event) {
		const row = event.target.closest(".row");
		const isWithin = event.target.closest(".details") !== null;
		const isSelecting = String(getSelection()) !== "";

		if (row === null || isWithin || isSelecting)
			return;
		this.#toggle(this.#entries.get(row));
	}

	/* Opens or closes a message; loads a gap. */
	#toggle(entry) {
		if (isGap(entry)) {
			this.#log.fill(entry);
		} else if (this.#open.has(entry)) {
			this.#close(entry);
		} else {
			if (this.#open.size >= OPEN_MAX)
				this.#close(this.#open.keys().next().value);
			const details = { element: this.#makeDetails(entry), height: 0 };

			this.#open.set(entry, details);
			this.#active = entry;
			this.#rows.get(entry)?.append(details.element);
		}
		this.#settle();
	}

	#close(entry) {
		this.#open.get(entry).element.remove();
		this.#open.delete(entry);
		if (this.#open.size === 0)
			this.#active = null;
	}

	#makeDetails(entry) {
		const message = messageOf(entry);
		const details = make("div", "details");
		const facts = make("p", "facts");
		const raw = make("a", "", "exact bytes");
		const text = make("pre", "text");

		details.setAttribute("role", "gridcell");
		raw.href = `/messages/${message.id}/raw`;
		facts.append([
			message.received_at,
			`connection ${message.connection} from ${message.peer}`,
			message.framing, bytes(message.size_bytes), "",
		].join(" \u00b7 "), raw);
		details.append(facts, text);
		appendText(text, message.text);
		if (message.isExcerpt)
			this.#fetchText(raw.href, text);
		return details;
	}

	async #fetchText(url, pre) {
		try {
			const response = await fetch(url);

			if (!response.ok)
				throw new Error(response.statusText);
			appendText(pre, await response.text());
		} catch (error) {
			appendNote(pre, `the rest cannot be had: ${error.message}`);
		}
		this.schedule();
	}

	#key(event) {
		const isOther = event.ctrlKey || event.altKey || event.metaKey;

		if (event.target !== this.#scroller || isOther ||
			!Object.hasOwn(this.#keys, event.key))
			return;
		event.preventDefault();
		this.#keys[event.key]();
	}

	#toggleActive() {
		if (this.#active !== null)
			this.#toggle(this.#active);
	}

	#rowsOfPage() {
		const rows = Math.floor(this.#scroller.clientHeight / this.#rowHeight);

		return Math.max(1, rows - 1);
	}

	#setOpen(isOpen) {
		if (this.#active !== null && !isGap(this.#active) &&
			this.#open.has(this.#active) !== isOpen)
			this.#toggle(this.#active);
	}

	/* Closes what is open, then leaves the row, then goes on. */
	#escape() {
		if (this.#active !== null && this.#open.has(this.#active)) {
			const entry = this.#active;

			this.#close(entry);
			this.#active = entry;
		} else if (this.#active !== null) {
			this.#active = null;
		} else if (this.isHeld) {
			this.resume();
		}
		this.#settle();
	}

	/* Makes another row the active one; a long open one is scrolled through first. */
	#step(rows) {
		const total = this.#log.entries.length;

		if (total === 0 || this.#scrollWithin(rows))
			return;
		const at = this.#active === null ? -1 : this.#indexOf(this.#active);
		const next = at < 0 && Math.abs(rows) === 1
			? this.#indexAt(this.#scroller.scrollTop, this.#openRows())
			: Math.max(0, at) + rows;

		this.#active = this.#entryAt(Math.max(0, Math.min(total - 1, next)));
		this.#reveal();
		this.#settle();
	}

	#edgesOfActive() {
		const openRows = this.#openRows();
		const top = this.#topOf(this.#indexOf(this.#active), openRows);
		const extra = this.#open.get(this.#active)?.height ?? 0;

		return { top, bottom: top + this.#rowHeight + extra };
	}

	#scrollWithin(rows) {
		if (Math.abs(rows) !== 1 || !this.#open.has(this.#active))
			return false;
		const { top, bottom } = this.#edgesOfActive();
		const seenTop = this.#scroller.scrollTop;
		const seenBottom = seenTop + this.#scroller.clientHeight;

		if (rows > 0 ? bottom <= seenBottom : top >= seenTop)
			return false;
		this.#scroller.scrollTop += rows * 3 * this.#rowHeight;
		return true;
	}

	#reveal() {
		const { top, bottom } = this.#edgesOfActive();
		const height = this.#scroller.clientHeight;

		if (top < this.#scroller.scrollTop)
			this.#scroller.scrollTop = top;
		else if (bottom > this.#scroller.scrollTop + height)
			this.#scroller.scrollTop = Math.min(top, bottom - height);
	}
}

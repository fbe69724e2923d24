/*
 * connections: who is connected, how fast each sends, and who has left and why.
 *
 * Asked for every POLL_MS while the page can be seen; a rate is the difference of two
 * answers, some seconds apart.  Rows stay where they are, and only what has changed is
 * written.
 *
 * SPDX-License-Identifier: MIT
 */
import {
	brief, byId, bytes, count, duration, hue, make, rate, setText, who,
} from "./words.js";

const POLL_MS = 1500;
const OPEN_LIMIT = 100;
const CLOSED_LIMIT = 20;
/* A rate is over this time, so that a slow sender's does not jump. */
const RATE_OVER_S = 6;

/* Reasons as people say them; what is not here is said as it is. */
const REASONS = {
	eof: "finished", reset: "reset", idle: "was idle", message_timeout: "too slow",
	write_timeout: "did not read", max_errors: "too many errors",
	bad_hello: "bad hello", wrong_protocol: "other protocol",
	max_connections: "too many", session_taken: "taken over",
	store_unavailable: "store failed", no_memory: "no memory",
	draining: "server stopped",
};

async function ask(state, limit) {
	const response = await fetch(`/connections?state=${state}&limit=${limit}`);

	if (!response.ok)
		throw new Error(`${response.status} ${response.statusText}`);
	return response.json();
}

/*
 * A name comes with the hello, the framing with the first bytes; and behind a restart the
 * number is another one's.
 */
function showWho(element, connection) {
	const { connection: number, peer, framing } = connection;
	const title = `connection ${number} from ${peer}, ${framing}`;

	setText(element, who(connection));
	if (element.title !== title)
		element.title = title;
}

/* A table whose rows are found by a connection's number. */
class Table {
	#body;
	#columns; /* (connection) => text, one a column */
	#rows = new Map();

	constructor(body, columns) {
		this.#body = body;
		this.#columns = columns;
	}

	show(connections) {
		const wanted = new Set(connections.map((c) => c.connection));
		let next = this.#body.firstChild;

		for (const [number, row] of this.#rows) {
			if (!wanted.has(number)) {
				if (row === next)
					next = next.nextSibling;
				row.remove();
				this.#rows.delete(number);
			}
		}
		for (const connection of connections) {
			const row = this.#row(connection);

			if (row === next)
				next = next.nextSibling;
			else
				this.#body.insertBefore(row, next);
			showWho(row.firstChild, connection);
			this.#columns.forEach((text, i) =>
				setText(row.children[i + 1], text(connection)));
		}
	}

	#row(connection) {
		let row = this.#rows.get(connection.connection);

		if (row === undefined) {
			const { connection: number } = connection;
			const name = make("th", `who ${hue(number)}`);

			name.scope = "row";
			row = make("tr");
			row.append(name, ...this.#columns.map(() => make("td")));
			this.#rows.set(number, row);
		}
		return row;
	}
}

export class Connections {
	#past = new Map(); /* connection -> [{at, messages}], oldest first */
	#open = new Table(byId("open"), [
		(c) => `${rate(this.#rateOf(c))}/s`,
		(c) => brief(c.messages),
		(c) => c.rejected === 0 ? "" : brief(c.rejected),
		(c) => bytes(c.received_bytes),
		(c) => duration(c.duration_seconds),
	]);
	#closed = new Table(byId("closed"), [
		(c) => REASONS[c.reason] ?? c.reason.replaceAll("_", " "),
		(c) => brief(c.messages),
		(c) => c.rejected === 0 ? "" : brief(c.rejected),
		(c) => duration(c.duration_seconds),
	]);

	start() {
		const poll = async () => {
			if (!document.hidden)
				await this.#poll();
			setTimeout(poll, POLL_MS);
		};

		poll();
	}

	/* Another run of the server counts from 1 again. */
	forget() {
		this.#past.clear();
	}

	async #poll() {
		try {
			const open = await ask("open", OPEN_LIMIT);

			this.#showOpen(open);
			this.#showClosed(await ask("closed", CLOSED_LIMIT));
			this.#showMistake("");
		} catch (error) {
			this.#showMistake(`not up to date: ${error.message}`);
		}
	}

	#showMistake(text) {
		setText(byId("connections-mistake"), text);
		byId("connections-mistake").hidden = text === "";
	}

	#showClosed(answer) {
		this.#closed.show(answer.connections);
		setText(byId("closed-count"), count(answer.closed));
		byId("closed-part").hidden = answer.closed === 0;
	}

	#remember(connections) {
		const at = performance.now() / 1000, past = new Map();

		for (const c of connections) {
			const samples = this.#past.get(c.connection) ?? [];

			samples.push({ at, messages: c.messages });
			while (samples.length > 2 && samples[0].at < at - RATE_OVER_S)
				samples.shift();
			past.set(c.connection, samples);
		}
		this.#past = past;
	}

	/* Of one that is seen for the first time, over its whole life. */
	#rateOf(c) {
		const samples = this.#past.get(c.connection);
		const first = samples[0], last = samples[samples.length - 1];

		if (first === last)
			return c.messages / Math.max(c.duration_seconds, 1);
		return (last.messages - first.messages) / (last.at - first.at);
	}

	#showOpen(answer) {
		this.#remember(answer.connections);
		this.#open.show(answer.connections);
		const shown = answer.connections.length;

		setText(byId("open-count"), count(answer.open));
		setText(byId("open-rest"), answer.open > shown
			? `the newest ${count(shown)} of ${count(answer.open)}` : "");
		byId("open-none").hidden = shown > 0;
		byId("open-table").hidden = shown === 0;
	}
}

/*
 * feed: the server's event stream, held through everything that may happen to it.
 *
 * It says what comes: hello (with whether the server's messages are others than before),
 * message, gap, stats, reset; and away when the server leaves, again with each try that
 * fails, and back when it returns.  A stream that breaks, is refused or falls silent is
 * closed and opened again a little later; what came meanwhile is for the listener to ask
 * for, by the newest id in hello: a page that slept for a day must not be sent a day's
 * messages.
 *
 * A page that is not seen gives its stream up after a while, and opens one when it is
 * seen again: a browser has six connections to a server for all its tabs together, and
 * six streams would leave none for anything else.
 *
 * SPDX-License-Identifier: MIT
 */

/* The server says something every second. */
const SILENCE_MAX_MS = 6000;
const RETRY_MS = 1000;
const RETRY_MAX_MS = 5000;
/* Who only glances at another tab misses nothing. */
const UNSEEN_MAX_MS = 3000;

export class Feed {
	#listener;
	#source = null;
	#instance = null;
	#silence = 0; /* timers */
	#retry = 0;
	#unseen = 0;
	#retryMs = RETRY_MS;
	#isAway = false;

	constructor(listener) {
		this.#listener = listener;
	}

	/* From now on there is a stream for as long as the page is seen. */
	start() {
		document.addEventListener("visibilitychange", () => this.#heedSight());
		this.#heedSight();
	}

	#heedSight() {
		clearTimeout(this.#unseen);
		if (document.hidden)
			this.#unseen = setTimeout(() => this.#close(), UNSEEN_MAX_MS);
		else if (this.#source === null)
			this.#open();
	}

	#open() {
		clearTimeout(this.#retry);
		const source = new EventSource("/events");
		const on = (type, handle) => source.addEventListener(type, (event) => {
			if (source !== this.#source)
				return;
			this.#watch();
			handle(event.data);
		});

		this.#source = source;
		source.onerror = () => source === this.#source && this.#leave();
		on("hello", (data) => this.#greet(JSON.parse(data)));
		on("message", (data) => this.#listener.message(data));
		on("gap", (data) => this.#listener.gap(JSON.parse(data)));
		on("stats", (data) => this.#listener.stats(JSON.parse(data)));
		on("reset", (data) => this.#listener.reset(JSON.parse(data).newest_id));
		this.#watch();
	}

	/* Has the time-out begin anew. */
	#watch() {
		clearTimeout(this.#silence);
		this.#silence = setTimeout(() => this.#leave(), SILENCE_MAX_MS);
	}

	#greet(hello) {
		const isOther = hello.instance !== this.#instance;

		this.#instance = hello.instance;
		this.#retryMs = RETRY_MS;
		if (this.#isAway)
			this.#listener.back();
		this.#isAway = false;
		this.#listener.hello(hello.newest_id, isOther);
	}

	#close() {
		clearTimeout(this.#silence);
		clearTimeout(this.#retry);
		this.#source?.close();
		this.#source = null;
	}

	#leave() {
		this.#close();
		this.#listener.away();
		this.#isAway = true;
		this.#retry = setTimeout(() => this.#open(), this.#retryMs);
		this.#retryMs = Math.min(this.#retryMs * 1.5, RETRY_MAX_MS);
	}
}

/*
 * words: numbers, times and names as people read them, and small helpers of the document.
 *
 * What comes from a sender reaches the document as text and in no other way.
 *
 * SPDX-License-Identifier: MIT
 */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat("en", {
	notation: "compact", maximumSignificantDigits: 3,
});

export function count(n) {
	return whole.format(n);
}

/* "1 message", "2 messages". */
export function counted(n, noun) {
	return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/* A number that has little room. */
export function brief(n) {
	return n < 10000 ? whole.format(n) : compact.format(n);
}

/* So many a second: as exact as it is of use. */
export function rate(n) {
	const places = n < 1 ? 2 : n < 10 ? 1 : 0;

	return n >= 10000 ? compact.format(n) : String(Number(n.toFixed(places)));
}

export function bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
	let unit = 0;

	for (; n >= 1024 && unit < units.length - 1; unit++)
		n /= 1024;
	return `${short.format(n)} ${units[unit]}`;
}

/* A length of time: "0.4 s", "12 s", "3 min", "2 h 5 min", "4 d 3 h". */
export function duration(seconds) {
	const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60);

	if (seconds < 10)
		return `${Math.max(0, seconds).toFixed(1)} s`;
	if (minutes < 1)
		return `${Math.floor(seconds)} s`;
	if (hours < 1)
		return `${minutes} min`;
	if (hours < 24)
		return `${hours} h ${minutes % 60} min`;
	return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function digits(n, width) {
	return String(n).padStart(width, "0");
}

/* The time of day where the reader is; of another day with its date. */
export function clock(rfc3339) {
	const at = new Date(rfc3339);
	const time = `${digits(at.getHours(), 2)}:${digits(at.getMinutes(), 2)}:` +
		`${digits(at.getSeconds(), 2)}`;

	if (at.toDateString() === new Date().toDateString())
		return `${time}.${digits(at.getMilliseconds(), 3)}`;
	return `${digits(at.getMonth() + 1, 2)}-${digits(at.getDate(), 2)} ${time}`;
}

/* Whoever sent something that has a name and a peer. */
export function who(item) {
	return item.name ?? item.peer;
}

/* One of eight colours, so that senders can be told apart at a glance. */
export function hue(connection) {
	return `hue-${connection % 8}`;
}

/* An element with a class and, where it is given, a text. */
export function make(tag, className, text) {
	const element = document.createElement(tag);

	if (className !== undefined && className !== "")
		element.className = className;
	if (text !== undefined)
		element.textContent = text;
	return element;
}

/* Writes where something has changed, and only there. */
export function setText(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

export function byId(id) {
	return document.getElementById(id);
}

function escapeOf(control) {
	const names = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0" };

	const code = control.charCodeAt(0).toString(16);

	return names[control] ?? `\\x${code.padStart(2, "0")}`;
}

/* Appends a text whose control characters can be seen, and told from what is sent so. */
export function appendVisible(parent, text) {
	for (const part of text.split(/([\0-\x1f\x7f])/)) {
		if (/^[\0-\x1f\x7f]$/.test(part))
			parent.append(make("span", "control", escapeOf(part)));
		else
			parent.append(part);
	}
}

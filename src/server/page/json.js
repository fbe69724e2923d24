/*
 * json: JSON texts taken apart without being read as values.
 *
 * A number keeps its digits, a doubled key stays doubled, an escape stays as it was
 * written: what is shown is what was sent, with other white space at most.  The server
 * has proved the texts valid; what is cut off somewhere is shown as far as it goes.
 *
 * Nothing here touches the document.
 *
 * SPDX-License-Identifier: MIT
 */

/* Deeper levels are not moved to the right any further. */
const INDENT_MAX = 40;

const SCALAR = /[^\s,:[\]{}"]+/y;
const BRACKET_OR_STRING = /["[\]{}]/g;

/* Whether the quote at this place is part of the string: an odd number of backslashes. */
function isEscaped(text, at) {
	let backslashes = 0;

	while (text[at - 1 - backslashes] === "\\")
		backslashes++;
	return backslashes % 2 === 1;
}

/* The place behind the string that begins at start. */
function endOfString(text, start) {
	let end = text.indexOf('"', start + 1);

	while (end >= 0 && isEscaped(text, end))
		end = text.indexOf('"', end + 1);
	return end < 0 ? text.length : end + 1;
}

/* The place behind the object or array that begins at start. */
function endOfValue(text, start) {
	let depth = 0;

	BRACKET_OR_STRING.lastIndex = start;
	for (;;) {
		const found = BRACKET_OR_STRING.exec(text);

		if (found === null)
			return text.length;
		if (found[0] === '"')
			BRACKET_OR_STRING.lastIndex = endOfString(text, found.index);
		else if (found[0] === "{" || found[0] === "[")
			depth++;
		else if (--depth === 0)
			return found.index + 1;
	}
}

function kindOfScalar(text) {
	return /^[-0-9]/.test(text) ? "number" : "literal";
}

/* Calls back with each token and its text, until that says false. */
function forEachToken(text, callback) {
	let at = 0, goesOn = true;

	while (at < text.length && goesOn) {
		const first = text[at];
		let end = at + 1;

		if (first === '"') {
			end = endOfString(text, at);
			goesOn = callback("string", text.slice(at, end));
		} else if ("{}[],:".includes(first)) {
			goesOn = callback(first, first);
		} else if (!" \t\r\n\0".includes(first)) {
			SCALAR.lastIndex = at;
			end = SCALAR.exec(text) === null ? at + 1 : SCALAR.lastIndex;
			const scalar = text.slice(at, end);
			goesOn = callback(kindOfScalar(scalar), scalar);
		}
		at = end;
	}
}

/* Collects pieces of text, up to a length; neighbours of one kind become one. */
class Pieces {
	list = [];
	isCut = false;
	#room;

	constructor(charsMax) {
		this.#room = charsMax;
	}

	add(kind, text) {
		const last = this.list[this.list.length - 1];
		const kept = text.slice(0, this.#room);

		this.#room -= kept.length;
		this.isCut ||= kept.length < text.length;
		if (last !== undefined && last.kind === kind)
			last.text += kept;
		else if (kept !== "")
			this.list.push({ kind, text: kept });
	}
}

function lineBreak(depth) {
	return "\n" + "  ".repeat(Math.min(depth, INDENT_MAX));
}

/*
 * A text as pieces {kind, text}: key, string, number, literal, and plain for what is
 * between them.  On one line, or a line for each member; isCut says that there is more
 * than so many characters.
 */
export function layOut(text, isPretty, charsMax) {
	const pieces = new Pieces(charsMax);
	const levels = []; /* of brackets that are open: "{" or "[" */
	let isKey = false, before = "";

	forEachToken(text, (token, word) => {
		const isEnd = token === "}" || token === "]";
		const isFirst = before === "{" || before === "[";

		if (isEnd)
			levels.pop();
		if (isPretty && (isEnd ? !isFirst : isFirst || before === ","))
			pieces.add("plain", lineBreak(levels.length));
		else if (before === "," || before === ":")
			pieces.add("plain", " ");
		if (token === "{" || token === "[")
			levels.push(token);
		if (token === "{" || token === ",")
			isKey = levels[levels.length - 1] === "{";
		else if (token === ":")
			isKey = false;
		if (token === "string" && isKey)
			pieces.add("key", word);
		else
			pieces.add(token.length === 1 ? "plain" : token, word);
		before = token;
		return !pieces.isCut;
	});
	return { pieces: pieces.list, isCut: pieces.isCut };
}

/*
 * A message as /events and /messages give it: its head is read, its data, which comes
 * last, stays text.  What stands before it cannot hold the same mark: quotes within a
 * string are escaped.
 */
export function readMessage(line) {
	const mark = ',"data":';
	const at = line.indexOf(mark);
	const message = JSON.parse(line.slice(0, at) + "}");

	message.text = line.slice(at + mark.length, line.lastIndexOf("}"));
	return message;
}

/* The id of such a message, which comes first. */
export function readId(line) {
	return parseInt(line.slice(line.indexOf(":") + 1), 10);
}

/* A page of /messages: the texts of its messages, and where to go on, or null. */
export function readPage(text) {
	const lines = [];
	let at = text.indexOf("[") + 1;

	while (text[at] === "{") {
		const end = endOfValue(text, at);

		lines.push(text.slice(at, end));
		at = text[end] === "," ? end + 1 : end;
	}
	const rest = JSON.parse("{" + text.slice(at + 2));
	return { lines, next: rest.next_before ?? rest.next_after ?? null };
}

/*
 * chart: numbers over the last minutes, as an SVG that follows its element's size.
 *
 * One axis, one unit; a series is an area or a line and has its class for the colour.  A
 * pointer over the chart reads the values of that moment into the legend.  For those who
 * do not see it, a sentence says the same.
 *
 * SPDX-License-Identifier: MIT
 */
import { duration, make, rate, setText } from "./words.js";

/* What the axis of time spans grows with what there is to show, up to the longest. */
const SPANS_S = [60, 120, 300];
const SPAN_MAX_S = 300;
/* Farther apart than this, samples are not joined by a line. */
const BREAK_S = 10;
const MARGIN = { top: 8, right: 8, bottom: 20, left: 44 };
const SVG = "http://www.w3.org/2000/svg";

function draw(parent, tag, attributes, text) {
	const element = document.createElementNS(SVG, tag);

	for (const [name, value] of Object.entries(attributes))
		element.setAttribute(name, value);
	if (text !== undefined)
		element.textContent = text;
	parent.append(element);
	return element;
}

/* A step of 1, 2 or 5 times a power of ten, so that about three reach the top. */
function stepFor(most) {
	const rough = Math.max(most, 1) / 3;
	const power = 10 ** Math.floor(Math.log10(rough));
	const factor = [1, 2, 5, 10].find((f) => f * power >= rough);

	return Math.max(1, factor * power);
}

export class Chart {
	#svg;
	#series;  /* [{name, className, isArea}] */
	#values;  /* the legend's elements for them */
	#summary; /* for those who do not see the chart */
	#unit;
	#samples = []; /* {at: seconds, values: [one a series]} */
	#pointed = null; /* a sample */
	#span = SPANS_S[0];
	#grid;
	#paths;
	#mark;

	constructor(figure, unit, series) {
		this.#svg = figure.querySelector("svg");
		this.#summary = figure.querySelector(".summary");
		this.#unit = unit;
		this.#series = series;
		this.#values = series.map(({ name, className }) => {
			const item = make("span", `legend ${className}`);
			const value = make("b", "", "\u2013");

			item.append(value, ` ${name}`);
			figure.querySelector("figcaption").append(item);
			return value;
		});
		this.#grid = draw(this.#svg, "g", { class: "grid" });
		this.#paths = series.map(({ className, isArea }) => ({
			area: !isArea ? null
				: draw(this.#svg, "path", { class: `area ${className}` }),
			line: draw(this.#svg, "path", { class: `line ${className}` }),
		}));
		this.#mark = draw(this.#svg, "line", { class: "mark" });
		this.#svg.addEventListener("pointermove", (event) => this.#point(event));
		this.#svg.addEventListener("pointerleave", () => this.#unpoint());
		new ResizeObserver(() => this.draw()).observe(this.#svg);
	}

	add(at, values) {
		// Where the server's clock was set back, what it drew meanwhile leaves.
		while (this.#samples.length > 0 && this.#samples.at(-1).at >= at)
			this.#samples.pop();
		this.#samples.push({ at, values });
		while (this.#samples[0].at < at - SPAN_MAX_S - 2)
			this.#samples.shift();
		const seconds = at - this.#samples[0].at;

		this.#span = SPANS_S.find((span) => span >= seconds) ?? SPAN_MAX_S;
	}

	draw() {
		const width = this.#svg.clientWidth, height = this.#svg.clientHeight;

		if (width === 0)
			return;
		const end = this.#samples.length > 0
			? this.#samples[this.#samples.length - 1].at : 0;
		const values = this.#samples.flatMap((sample) => sample.values);
		const most = Math.max(0, ...values);
		const step = stepFor(most);
		const top = Math.max(step, Math.ceil(most / step) * step);
		const right = width - MARGIN.right, bottom = height - MARGIN.bottom;
		const scale = {
			right, bottom, end,
			x: (at) => right -
				(end - at) / this.#span * (right - MARGIN.left),
			y: (value) => bottom - value / top * (bottom - MARGIN.top),
		};

		this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
		this.#drawGrid(scale, step, top);
		this.#paths.forEach((path, i) => this.#drawSeries(path, i, scale));
		this.#drawMark(scale);
		this.#showValues();
	}

	#drawGrid({ x, y, right, bottom, end }, step, top) {
		this.#grid.replaceChildren();
		for (let value = 0; value <= top; value += step) {
			draw(this.#grid, "line", {
				x1: MARGIN.left, x2: right, y1: y(value), y2: y(value),
				class: value === 0 ? "axis" : "rule",
			});
			draw(this.#grid, "text", {
				x: MARGIN.left - 6, y: y(value) + 4, class: "left",
			}, rate(value));
		}
		const every = this.#span / (this.#span === SPAN_MAX_S ? 5 : 4);

		for (let ago = 0; ago <= this.#span; ago += every) {
			const text = ago === 0 ? "now"
				: every < 60 ? `\u2212${ago} s` : `\u2212${ago / 60} min`;

			draw(this.#grid, "text", {
				x: x(end - ago), y: bottom + 15,
				class: ago === 0 ? "last" : "below",
			}, text);
		}
	}

	#drawSeries({ area, line }, i, { x, y, bottom }) {
		let linePath = "", areaPath = "", start = 0, before = null;

		const close = () => {
			if (before !== null)
				areaPath += `V${bottom}H${start}Z`;
		};
		for (const sample of this.#samples) {
			const px = Math.max(MARGIN.left, x(sample.at)).toFixed(1);
			const at = `${px} ${y(sample.values[i]).toFixed(1)}`;
			const isFirst = sample.at - (before?.at ?? 0) > BREAK_S;

			if (isFirst) {
				close();
				start = px;
			}
			linePath += (isFirst ? "M" : "L") + at;
			areaPath += (isFirst ? "M" : "L") + at;
			before = sample;
		}
		close();
		line.setAttribute("d", linePath);
		area?.setAttribute("d", areaPath);
	}

	#drawMark({ x, bottom }) {
		const at = this.#pointed === null ? -10 : x(this.#pointed.at).toFixed(1);

		for (const [name, value] of Object.entries(
			{ x1: at, x2: at, y1: MARGIN.top, y2: bottom }))
			this.#mark.setAttribute(name, value);
	}

	/* The legend has the values of now, or of the moment under the pointer. */
	#showValues() {
		const sample = this.#pointed ?? this.#samples[this.#samples.length - 1];

		if (sample !== undefined)
			this.#values.forEach((element, i) =>
				setText(element, rate(sample.values[i])));
	}

	#point(event) {
		const box = this.#svg.getBoundingClientRect();
		const share = (box.right - MARGIN.right - event.clientX) /
			(box.width - MARGIN.left - MARGIN.right);
		const last = this.#samples[this.#samples.length - 1];

		if (last === undefined)
			return;
		const at = last.at - share * this.#span;

		const distance = (sample) => Math.abs(sample.at - at);

		this.#pointed = this.#samples.reduce((nearest, sample) =>
			distance(sample) < distance(nearest) ? sample : nearest);
		this.draw();
	}

	#unpoint() {
		this.#pointed = null;
		this.draw();
	}

	/* The same as a sentence. */
	summarize() {
		if (this.#samples.length === 0)
			return;
		const first = this.#samples[0];
		const last = this.#samples[this.#samples.length - 1];
		const parts = this.#series.map(({ name }, i) => {
			const values = this.#samples.map((sample) => sample.values[i]);
			const sum = values.reduce((total, value) => total + value, 0);

			return `${name}: now ${rate(last.values[i])}, ` +
				`lowest ${rate(Math.min(...values))}, ` +
				`highest ${rate(Math.max(...values))}, ` +
				`average ${rate(sum / values.length)}`;
		});

		setText(this.#summary, `${this.#unit} over the last ` +
			`${duration(last.at - first.at)}. ${parts.join("; ")}.`);
	}
}

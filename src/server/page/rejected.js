/*
 * rejected: what was refused, from whom, why, and at which place.
 *
 * Asked for when the counters say that there is more, at most once a second.  A sender's
 * bytes are shown as text, control characters made visible.
 *
 * SPDX-License-Identifier: MIT
 */
import {
	appendVisible, byId, clock, count, counted, hue, make, setText, who,
} from "./words.js";

const LIMIT = 100;

/* What each reason means. */
const REASONS = {
	syntax: "not JSON", utf8: "not valid UTF-8", too_large: "too long",
	too_deep: "nested too deep", bad_frame: "a length that no message can have",
	incomplete: "the connection ended within the message",
};

function makeExcerpt({ before, at, after }) {
	const excerpt = make("code", "excerpt");
	const mark = at === "" ? make("mark", "is-end", "end") : make("mark");

	appendVisible(mark, at);
	appendVisible(excerpt, before);
	excerpt.append(mark);
	appendVisible(excerpt, after);
	return excerpt;
}

function makeItem(rejection) {
	const item = make("li", "rejection");
	const head = make("p", "rejection-head");
	const time = make("span", "time", clock(rejection.rejected_at));
	const error = make("p", "error", rejection.error);

	time.title = rejection.rejected_at;
	head.append(make("span", "chip", rejection.reason),
		make("span", `who ${hue(rejection.connection)}`, who(rejection)), time);
	error.append(make("span", "offset", ` at byte ${count(rejection.offset)}`));
	item.append(head, error, makeExcerpt(rejection.excerpt));
	return item;
}

export class Rejected {
	#list = byId("rejected");
	#chips = byId("reasons");
	#shown = 0;  /* the total that the list belongs to */
	#wanted = 0; /* the total that the counters have */
	#isAsking = false;

	/* The counters of /stats, by reason. */
	take(byReason) {
		const total = Object.values(byReason).reduce((sum, n) => sum + n, 0);
		const reasons = Object.entries(byReason).filter(([, n]) => n > 0)
			.sort((a, b) => b[1] - a[1]);

		setText(byId("rejected-count"), count(total));
		byId("rejected-none").hidden = total > 0;
		this.#showReasons(reasons);
		this.#wanted = total;
		this.#update();
	}

	forget() {
		this.#shown = 0;
		this.#list.replaceChildren();
	}

	#showReasons(reasons) {
		while (this.#chips.children.length > reasons.length)
			this.#chips.lastChild.remove();
		while (this.#chips.children.length < reasons.length)
			this.#chips.append(make("li", "reason"));
		reasons.forEach(([reason, n], i) => {
			setText(this.#chips.children[i], `${count(n)} ${reason}`);
			this.#chips.children[i].title =
				`${counted(n, "message")}: ${REASONS[reason] ?? reason}`;
		});
	}

	async #update() {
		if (this.#isAsking || this.#wanted === this.#shown)
			return;
		this.#isAsking = true;
		try {
			const response = await fetch(`/rejected?limit=${LIMIT}`);

			if (response.ok)
				this.#show(await response.json());
		} catch {
			/* The next counters come with another try. */
		}
		this.#isAsking = false;
	}

	/* Puts what is new before what is there. */
	#show({ rejected, total }) {
		const fresh = total - this.#shown;

		if (fresh < 0 || fresh >= rejected.length)
			this.#list.replaceChildren(...rejected.map(makeItem));
		else
			this.#list.prepend(...rejected.slice(0, fresh).map(makeItem));
		while (this.#list.children.length > LIMIT)
			this.#list.lastChild.remove();
		this.#shown = total;
	}
}

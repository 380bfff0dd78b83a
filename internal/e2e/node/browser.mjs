// A browser without script: cookies, redirects and forms, by fetch alone. It
// signs in and decides by the names of the form fields.
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node.js 18, Debian's, has them there alone
globalThis.CryptoKey ??= webcrypto.CryptoKey;

export const issuer = new URL(process.env.E2E_ISSUER);
export const api = process.env.E2E_API;
export const dreams = process.env.E2E_DREAMS;

export class Browser {
	#cookies = new Map();

	constructor(username = "alice") {
		this.username = username;
	}

	// A person opens an authorization request, signs in where asked, lets through
	// the scopes (all of them, where none are named), and comes back with the
	// answer: as a URL, or as the Request that a page of form_post makes.
	async authorize(url, { allow, decision = "allow" } = {}) {
		this.seen = [];
		return this.#answer(await this.open(url), allow, decision);
	}

	async #answer(page, allow, decision) {
		for (let steps = 0; steps < 8; steps++) {
			if (page.answer) return page.answer;
			const form = page.form("password") ?? page.form("decision") ?? page.forms.find((f) => f.action.endsWith("/account/choose"));
			if (!form) throw Object.assign(new Error(`${page.status} ${page.error ?? page.body.slice(0, 2000)} at ${page.url}`), page);
			if (form.has("password")) {
				this.seen.push("login");
				form.fill({ username: this.username, password: "wanderlust" });
			} else if (form.has("decision")) {
				this.seen.push("consent");
				form.fill({ ...form.ticked(), ...(allow && { scope: allow }), decision });
			} else {
				this.seen.push("choose");
			}
			page = await this.submit(form);
		}
		throw new Error(`asked without end, at ${page.url}`);
	}

	// RFC 8628 §3.3: a person types the code and decides.
	async typeCode(url, userCode, decision = "allow") {
		let page = await this.open(url);
		for (let steps = 0; steps < 5; steps++) {
			const form = page.form("password") ?? page.form("decision") ?? page.form("user_code");
			if (!form) return page;
			if (form.has("password")) form.fill({ username: this.username, password: "wanderlust" });
			else if (form.has("decision")) form.fill({ ...form.ticked(), decision });
			else form.fill({ user_code: userCode });
			page = await this.submit(form);
			if (page.error) throw new Error(`${page.status} ${page.error}`);
		}
		return page;
	}

	open(url) {
		return this.#follow("GET", String(url));
	}

	submit(form) {
		return this.#follow("POST", form.action, form.fields);
	}

	async #follow(method, url, body) {
		for (let hops = 0; hops < 10; hops++) {
			const headers = { accept: "text/html", cookie: [...this.#cookies].map(([k, v]) => `${k}=${v}`).join("; ") };
			if (body) headers.origin = issuer.origin;
			const response = await fetch(url, { method, headers, body, redirect: "manual" });
			for (const line of setCookies(response.headers)) {
				const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
				if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) this.#cookies.delete(name);
				else this.#cookies.set(name, value);
			}
			const page = new Page(response, url, await response.text());
			if (!page.location) return page;
			if (!page.location.startsWith(issuer.origin + "/")) return Object.assign(page, { answer: new URL(page.location) });
			[method, url, body] = ["GET", page.location, undefined];
		}
		throw new Error(`redirected without end, at ${url}`);
	}
}

class Page {
	constructor(response, url, body) {
		Object.assign(this, { status: response.status, headers: response.headers, url, body });
		const location = response.headers.get("location");
		this.location = response.status >= 300 && response.status < 400 && location ? new URL(location, url).href : undefined;
		this.forms = readForms(body, url);
		this.error = /id="oauth-error"[^>]*>([^<]*)</.exec(body)?.[1].trim();
		const posted = this.forms.find((f) => !f.action.startsWith(issuer.origin + "/"));
		if (posted && this.status === 200) {
			this.answer = new Request(posted.action, { method: "POST", body: posted.fields });
		}
	}

	form(having) {
		return this.forms.find((f) => f.has(having));
	}
}

class Form {
	fields = new URLSearchParams();
	boxes = [];
	buttons = [];

	constructor(action) {
		this.action = action;
	}

	has(name) {
		return this.fields.has(name) || [...this.boxes, ...this.buttons].some(([n]) => n === name);
	}

	// Every permission there is: scopes, and details of RFC 9396.
	ticked() {
		const all = {};
		for (const [name, value] of this.boxes) if (name !== "duration") (all[name] ??= []).push(value);
		return all;
	}

	fill(values) {
		for (const [name, value] of Object.entries(values)) {
			this.fields.delete(name);
			for (const one of [value].flat()) this.fields.append(name, one);
		}
	}
}

function setCookies(headers) {
	return headers.getSetCookie?.() ?? headers.get("set-cookie")?.split(/,(?=\s*[^;,\s]+=)/) ?? []; // Debian's Node.js 18 makes one of them
}

function readForms(html, url) {
	const forms = [];
	let form;
	for (const [, tag, rest] of html.matchAll(/<(form|input|button|\/form)\b([^>]*)>/g)) {
		const attributes = Object.fromEntries([...rest.matchAll(/([a-z-]+)(?:="([^"]*)")?/g)].map(([, name, value = ""]) => [name, decode(value)]));
		const { name, value = "", type } = attributes;
		if (tag === "form") forms.push((form = new Form(new URL(attributes.action ?? "", url).href)));
		else if (tag === "/form") form = undefined;
		else if (!form || !name) continue;
		else if (tag === "button") form.buttons.push([name, value]);
		else if (type === "checkbox" || type === "radio") {
			form.boxes.push([name, value]);
			if ("checked" in attributes && !("disabled" in attributes)) form.fields.append(name, value);
		} else form.fields.append(name, value);
	}
	return forms;
}

function decode(text) {
	const named = { amp: "&", lt: "<", gt: ">", quot: '"' };
	return text.replace(/&(?:#(\d+)|([a-z]+));/g, (all, number, name) => (number ? String.fromCodePoint(number) : named[name] ?? all));
}

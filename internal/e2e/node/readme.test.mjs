// "Use the server with your own client" in the README, as it stands there.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import * as oidc from "openid-client";
import { Browser, issuer } from "./browser.mjs";

test("what the README says to register and to write works", async () => {
	const readme = (await readFile(new URL("../../../README.md", import.meta.url), "utf8")).replaceAll("http://localhost:9000", issuer.origin);
	const [, metadata] = /\/register .* -d '(\{[^']*\})'/.exec(readme);
	const registered = await fetch(`${issuer.origin}/register`, { method: "POST", headers: { "content-type": "application/json" }, body: metadata });
	assert.equal(registered.status, 201);
	const { client_id, client_secret } = await registered.json();

	const [, code] = /```js\n(.*?)```/s.exec(readme);
	const written = code.replace(/^\/\/ Send the browser there.*$/m, "const url = await visit(to);") + "\nreturn { tokens, person };";
	const run = Object.getPrototypeOf(async () => {}).constructor("oidc", "client_id", "client_secret", "visit", written);
	const { tokens, person } = await run(oidc, client_id, client_secret, (to) => new Browser().authorize(to));
	assert.ok(tokens.refresh_token);
	assert.deepEqual([person.name, person.email], ["Alice Moreau", "alice@acme.test"]);
});

// openid-client, a certified relying party, gets along with the issuer's URL
// and what a client is registered with.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as oidc from "openid-client";
import { Browser, api, dreams, issuer } from "./browser.mjs";
import { batchKey } from "./keys.mjs";
import { callback, discover, signIn, whatAPISays } from "./relying_party.mjs";

test("authorization code with PKCE, state, nonce and iss; userinfo; refresh; revocation", async () => {
	const config = await discover("dreams-web", undefined, oidc.ClientSecretBasic("dreams-web-secret"));
	assert.equal(config.serverMetadata().issuer, issuer.origin);
	assert.ok(config.serverMetadata().supportsPKCE());
	const tokens = await signIn(config, { parameters: { scope: "openid profile email offline_access" } });
	const { sub } = tokens.claims();
	const who = await oidc.fetchUserInfo(config, tokens.access_token, sub);
	assert.equal(who.email, "alice@acme.test");
	assert.equal(who.email_verified, true);
	assert.equal((await whatAPISays(config, tokens)).name, "Alice Moreau");

	const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
	assert.notEqual(next.refresh_token, tokens.refresh_token);
	assert.equal(next.claims().sub, sub);
	assert.equal((await oidc.tokenIntrospection(config, next.access_token)).active, true);

	await oidc.tokenRevocation(config, next.refresh_token, { token_type_hint: "refresh_token" });
	assert.equal((await oidc.tokenIntrospection(config, next.access_token)).active, false);
	await assert.rejects(oidc.refreshTokenGrant(config, next.refresh_token), { error: "invalid_grant" });
});

test("client_secret_post, and a person who says no", async () => {
	const config = await discover("dreams-web", undefined, oidc.ClientSecretPost("dreams-web-secret"));
	assert.ok((await signIn(config)).access_token);
	const to = oidc.buildAuthorizationUrl(config, { redirect_uri: callback, scope: "openid", state: "S", prompt: "consent" });
	const answer = await new Browser("bob").authorize(to, { decision: "deny" });
	await assert.rejects(oidc.authorizationCodeGrant(config, answer, { expectedState: "S" }), { error: "access_denied" });
});

test("a public client", async () => {
	const config = await discover("dreams-spa", undefined, oidc.None());
	const tokens = await signIn(config, { parameters: { redirect_uri: `${dreams}/spa/callback` } });
	assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)).name, "Alice Moreau");
	await oidc.tokenRevocation(config, tokens.access_token);
});

test("max_age, prompt=login, prompt=none and id_token_hint", async () => {
	const config = await discover("dreams-web");
	const browser = new Browser();
	const first = await signIn(config, { browser, parameters: { max_age: "3600" }, checks: { maxAge: 3600 } });
	assert.deepEqual(browser.seen.includes("login"), true);
	const hint = { prompt: "none", id_token_hint: first.id_token };
	const silent = await signIn(config, { browser, parameters: { ...hint, max_age: "3600" }, checks: { maxAge: 3600 } });
	assert.deepEqual(browser.seen, []);
	assert.equal(silent.claims().auth_time, first.claims().auth_time);

	await new Promise((done) => setTimeout(done, 1100));
	const again = await signIn(config, { browser, parameters: { max_age: "0" }, checks: { maxAge: 1 } });
	assert.ok(browser.seen.includes("login"));
	assert.ok(again.claims().auth_time > first.claims().auth_time);

	const stranger = new Browser("bob");
	await assert.rejects(signIn(config, { browser: stranger, parameters: { prompt: "none" } }), { error: "login_required" });
	await signIn(config, { browser: stranger });
	await assert.rejects(signIn(config, { browser: stranger, parameters: hint }), { error: "login_required" });
});

test("response_mode=form_post", async () => {
	const config = await discover("dreams-web");
	const tokens = await signIn(config, { parameters: { response_mode: "form_post" } });
	assert.ok(tokens.claims().sub);
});

test("client credentials by both ways to show a secret, and by private_key_jwt with both kinds of key", async () => {
	for (const way of [oidc.ClientSecretBasic, oidc.ClientSecretPost]) {
		const config = await discover("dreams-catalogue", undefined, way("dreams-catalogue-secret"));
		const tokens = await oidc.clientCredentialsGrant(config, { scope: "packages:read" });
		assert.equal(tokens.scope, "packages:read");
	}
	for (const name of ["dreams-batch-es256", "dreams-batch-rs256"]) {
		const config = await discover("dreams-batch", undefined, oidc.PrivateKeyJwt(await batchKey(name)));
		const tokens = await oidc.clientCredentialsGrant(config);
		const response = await oidc.fetchProtectedResource(config, tokens.access_token, new URL(`${api}/api/v1/packages`), "GET");
		assert.equal(response.status, 200);
	}
	const wrong = await discover("dreams-batch", undefined, oidc.ClientSecretJwt("dreams-batch-secret"));
	await assert.rejects(oidc.clientCredentialsGrant(wrong), { status: 401 });
});

test("device grant, waited for", async () => {
	const config = await discover("dreams-tv", undefined, oidc.None());
	const device = await oidc.initiateDeviceAuthorization(config, { scope: "profile offline_access" });
	const waiting = oidc.pollDeviceAuthorizationGrant(config, device);
	await new Browser().typeCode(device.verification_uri_complete ?? device.verification_uri, device.user_code);
	const tokens = await waiting;
	assert.equal((await whatAPISays(config, tokens)).name, "Alice Moreau");
	assert.ok((await oidc.refreshTokenGrant(config, tokens.refresh_token)).access_token);

	const refused = await oidc.initiateDeviceAuthorization(config, { scope: "profile" });
	await new Browser().typeCode(refused.verification_uri, refused.user_code, "deny");
	await assert.rejects(oidc.pollDeviceAuthorizationGrant(config, refused), { error: "access_denied" });
});

test("token exchange and JWT bearer as generic grants", async () => {
	const config = await discover("dreams-web");
	const tokens = await signIn(config, { parameters: { scope: "openid profile preferences:read" } });
	const exchanged = await oidc.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", {
		subject_token: tokens.access_token, subject_token_type: "urn:ietf:params:oauth:token-type:access_token", scope: "preferences:read",
	});
	assert.equal(exchanged.scope, "preferences:read");
	assert.equal(exchanged.issued_token_type, "urn:ietf:params:oauth:token-type:access_token");
});

// What goes around the grants, with openid-client: a client that registers
// itself and knows the issuer's URL.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oidc from "openid-client";
import { Browser, api, dreams, issuer } from "./browser.mjs";
import { newKey } from "./keys.mjs";
import { callback, discover, register, signIn, whatAPISays } from "./relying_party.mjs";

const refreshing = { grant_types: ["authorization_code", "refresh_token"] };

test("dynamic registration, with and without a secret, and management", async () => {
	for (const [method, authentication] of [["client_secret_basic", oidc.ClientSecretBasic()], ["client_secret_post", oidc.ClientSecretPost()], ["none", oidc.None()]]) {
		const config = await register({ token_endpoint_auth_method: method }, authentication);
		const tokens = await signIn(config, { parameters: { scope: "openid profile email" } });
		const who = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
		assert.deepEqual([who.name, who.preferred_username, who.email], ["Alice Moreau", "alice", "alice@acme.test"]);

		const { registration_client_uri, registration_access_token } = config.clientMetadata();
		const read = await fetch(registration_client_uri, { headers: { authorization: `Bearer ${registration_access_token}` } });
		assert.equal((await read.json()).token_endpoint_auth_method, method);
		const removed = await fetch(registration_client_uri, { method: "DELETE", headers: { authorization: `Bearer ${registration_access_token}` } });
		assert.equal(removed.status, 204);
	}
});

test("RFC 9126: pushed authorization requests, also where they are required", async () => {
	const config = await register({ require_pushed_authorization_requests: true, token_endpoint_auth_method: "client_secret_basic" }, oidc.ClientSecretBasic());
	const tokens = await signIn(config, { request: oidc.buildAuthorizationUrlWithPAR });
	assert.ok(tokens.claims().sub);
	await assert.rejects(signIn(config), { error: "invalid_request" });
});

test("RFC 9101: a signed request, by value and pushed", async () => {
	for (const alg of ["ES256", "RS256", "PS256", "Ed25519"]) {
		const { signs, jwks } = await newKey(alg);
		const config = await register({ jwks, request_object_signing_alg: alg, require_signed_request_object: true, token_endpoint_auth_method: "client_secret_post" });
		const signed = (config, parameters) => oidc.buildAuthorizationUrlWithJAR(config, parameters, signs);
		assert.ok((await signIn(config, { request: signed })).claims().sub);
		const pushed = async (config, parameters) => oidc.buildAuthorizationUrlWithPAR(config, (await signed(config, parameters)).searchParams);
		assert.ok((await signIn(config, { request: pushed })).claims().sub);
		await assert.rejects(signIn(config), { error: "invalid_request" });
	}
});

test("RFC 9449: DPoP with the servers' nonces, from the pushed request to the API", async () => {
	for (const alg of ["ES256", "PS256", "Ed25519"]) {
		const config = await register({ ...refreshing, dpop_bound_access_tokens: true, token_endpoint_auth_method: "none" }, oidc.None());
		const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair(alg));
		const pushed = (config, parameters) => oidc.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
		const tokens = await signIn(config, { request: pushed, parameters: { scope: "openid profile offline_access" }, options: { DPoP } });
		assert.equal(tokens.token_type, "dpop");
		assert.ok((await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP })).name);
		assert.equal((await whatAPISays(config, tokens, { DPoP })).name, "Alice Moreau");

		const next = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
		assert.equal((await whatAPISays(config, next, { DPoP })).status, 200);
		const thief = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair(alg));
		await assert.rejects(oidc.refreshTokenGrant(config, next.refresh_token, undefined, { DPoP: thief }), { status: 400 });
		await assert.rejects(whatAPISays(config, next, { DPoP: thief }), { status: 401 });
		await assert.rejects(whatAPISays(config, next), { status: 401 });
	}
});

test("RFC 9449 where nobody requires it: device grant and client credentials", async () => {
	const tv = await discover("dreams-tv", undefined, oidc.None());
	const DPoP = oidc.getDPoPHandle(tv, await oidc.randomDPoPKeyPair());
	const device = await oidc.initiateDeviceAuthorization(tv, { scope: "profile" });
	await new Browser().typeCode(device.verification_uri, device.user_code);
	const tokens = await oidc.pollDeviceAuthorizationGrant(tv, device, undefined, { DPoP });
	assert.equal(tokens.token_type, "dpop");
	assert.equal((await whatAPISays(tv, tokens, { DPoP })).name, "Alice Moreau");

	const machine = await discover("dreams-catalogue");
	const proof = oidc.getDPoPHandle(machine, await oidc.randomDPoPKeyPair());
	assert.equal((await oidc.clientCredentialsGrant(machine, undefined, { DPoP: proof })).token_type, "dpop");
});

test("RFC 9396: preferences about beaches, for 30 days", async () => {
	const config = await register({ authorization_details_types: ["travel_preferences"], token_endpoint_auth_method: "client_secret_post" });
	const details = [{ type: "travel_preferences", topics: ["mountains"], days: 30 }];
	for (const request of [oidc.buildAuthorizationUrl, oidc.buildAuthorizationUrlWithPAR]) {
		const tokens = await signIn(config, { request, parameters: { authorization_details: JSON.stringify(details), prompt: "consent" } });
		assert.deepEqual(tokens.authorization_details[0].topics, ["mountains"]);
		const read = await oidc.fetchProtectedResource(config, tokens.access_token, new URL(`${api}/api/v1/me/preferences`), "GET");
		assert.deepEqual((await read.json()).interests, ["mountains"]);
	}
});

test("RFC 8707: a token for one resource", async () => {
	const config = await register({ ...refreshing, token_endpoint_auth_method: "client_secret_post" });
	const tokens = await signIn(config, { parameters: { scope: "openid profile offline_access", resource: api }, tokenParameters: { resource: api } });
	assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).aud, api);
	assert.equal((await whatAPISays(config, tokens)).status, 200);
	const narrow = await oidc.refreshTokenGrant(config, tokens.refresh_token, { resource: api });
	assert.equal((await oidc.tokenIntrospection(config, narrow.access_token)).aud, api);
	await assert.rejects(signIn(config, { parameters: { resource: "https://api.elsewhere.test" } }), { error: "invalid_target" });
});

test("ID tokens, userinfo and introspection signed as registered", async () => {
	for (const alg of ["ES256", "RS256"]) {
		const config = await register({
			id_token_signed_response_alg: alg, userinfo_signed_response_alg: alg, introspection_signed_response_alg: alg, token_endpoint_auth_method: "client_secret_post",
		});
		oidc.enableNonRepudiationChecks(config);
		const tokens = await signIn(config, { parameters: { scope: "openid profile email" } });
		assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)).email, "alice@acme.test");
		assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, true);
	}
});

test("the claims parameter, acr_values, login_hint, display and ui_locales", async () => {
	const config = await register({ token_endpoint_auth_method: "client_secret_post" });
	const tokens = await signIn(config, {
		parameters: {
			claims: JSON.stringify({ id_token: { email: { essential: true }, auth_time: null }, userinfo: { name: null } }), scope: "openid email profile",
			acr_values: "urn:acme:acr:password", login_hint: "alice", display: "popup", ui_locales: "de en",
		},
	});
	assert.equal(tokens.claims().email, "alice@acme.test");
	assert.equal(tokens.claims().acr, "urn:acme:acr:password");
});

test("RP-initiated logout, and the logout token that the client hears", async () => {
	const heard = [];
	const listener = createServer((request, response) => {
		let body = "";
		request.on("data", (chunk) => (body += chunk)).on("end", () => {
			heard.push(new URLSearchParams(body).get("logout_token"));
			response.end();
		});
	}).listen(0, "127.0.0.1");
	await once(listener, "listening");
	const config = await register({
		token_endpoint_auth_method: "client_secret_basic", post_logout_redirect_uris: [`${dreams}/bye`],
		backchannel_logout_uri: `http://localhost:${listener.address().port}/logout`, backchannel_logout_session_required: true,
	}, oidc.ClientSecretBasic());
	const browser = new Browser();
	const tokens = await signIn(config, { browser });
	const to = oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: `${dreams}/bye`, id_token_hint: tokens.id_token, state: "S" });
	const page = await browser.open(to);
	assert.equal(page.answer?.href, `${dreams}/bye?state=S`);
	await assert.rejects(signIn(config, { browser, parameters: { prompt: "none" } }), { error: "login_required" });

	for (let tries = 0; tries < 200 && heard.length === 0; tries++) await new Promise((done) => setTimeout(done, 100));
	listener.close();
	const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
	const { payload } = await jwtVerify(heard[0], keys, { issuer: issuer.origin, audience: config.clientMetadata().client_id, typ: "logout+jwt", requiredClaims: ["jti", "exp", "sid", "sub"] });
	assert.equal(payload.sub, tokens.claims().sub);
	assert.equal(payload.sid, tokens.claims().sid);
	assert.deepEqual(payload.events, { "http://schemas.openid.net/event/backchannel-logout": {} });
	assert.equal(payload.nonce, undefined);
});

for (const alg of ["ES256", "PS256", "Ed25519"]) test(`FAPI 2.0 Security Profile: PAR, DPoP and private_key_jwt together, with ${alg}`, async () => {
	const { signs, jwks } = await newKey(alg);
	const config = await register({
		...refreshing, jwks, token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: alg,
		require_pushed_authorization_requests: true, dpop_bound_access_tokens: true, id_token_signed_response_alg: "ES256",
	}, oidc.PrivateKeyJwt(signs));
	const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair(alg));
	const pushed = (config, parameters) => oidc.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
	const tokens = await signIn(config, { request: pushed, parameters: { scope: "openid profile offline_access" }, options: { DPoP } });
	assert.equal((await whatAPISays(config, tokens, { DPoP })).name, "Alice Moreau");
	const next = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
	assert.equal((await whatAPISays(config, next, { DPoP })).status, 200);
});

test("response types of the implicit grant", async () => {
	const config = await register({ response_types: ["id_token"], grant_types: ["implicit"], token_endpoint_auth_method: "none" }, oidc.None());
	oidc.useIdTokenResponseType(config);
	for (const response_mode of ["fragment", "form_post"]) {
		const nonce = oidc.randomNonce();
		const to = oidc.buildAuthorizationUrl(config, { redirect_uri: callback, scope: "openid", nonce, state: "S", response_mode });
		const claims = await oidc.implicitAuthentication(config, await new Browser().authorize(to), nonce, { expectedState: "S" });
		assert.ok(claims.sub);
	}
});

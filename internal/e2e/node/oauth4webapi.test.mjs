// oauth4webapi checks every answer against the RFCs: status, content type,
// members and their types. It is told the issuer's URL, or found by the API.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SignJWT, createRemoteJWKSet, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";
import { Browser, api, dreams, issuer } from "./browser.mjs";
import { batchKey, newKey } from "./keys.mjs";

const overHTTP = { [oauth.allowInsecureRequests]: true };
const callback = `${dreams}/callback`;

const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, overHTTP));
const web = { client_id: "dreams-web" };
const webSecret = oauth.ClientSecretBasic("dreams-web-secret");

async function authorize(client, authentication, { browser = new Browser(), parameters = {}, extra = {}, push = false, DPoP, checks = {} } = {}) {
	const verifier = oauth.generateRandomCodeVerifier();
	const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
	const request = new URLSearchParams({
		client_id: client.client_id, redirect_uri: callback, response_type: "code", scope: "openid profile", state, nonce,
		code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...parameters,
	});
	const to = new URL(server.authorization_endpoint);
	if (push) {
		const pushed = await again(async () => oauth.processPushedAuthorizationResponse(server, client,
			await oauth.pushedAuthorizationRequest(server, client, authentication, request, { ...overHTTP, DPoP })));
		to.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri });
	} else {
		to.search = request;
	}
	const answer = oauth.validateAuthResponse(server, client, await browser.authorize(to), state);
	return again(async () => oauth.processAuthorizationCodeResponse(server, client,
		await oauth.authorizationCodeGrantRequest(server, client, authentication, answer, callback, verifier, { ...overHTTP, DPoP, additionalParameters: extra }),
		{ expectedNonce: nonce, requireIdToken: true, ...checks }));
}

// RFC 9449 §8: once more with the nonce that the refusal brought.
async function again(send) {
	try {
		return await send();
	} catch (refusal) {
		if (!oauth.isDPoPNonceError(refusal)) throw refusal;
		return send();
	}
}

async function register(metadata) {
	const answer = await oauth.dynamicClientRegistrationRequest(server, { client_name: "A strict client", redirect_uris: [callback], ...metadata }, overHTTP);
	return oauth.processDynamicClientRegistrationResponse(answer);
}

test("RFC 8414: the same metadata under the other name; RFC 9728: found by what the API refuses", async () => {
	const other = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...overHTTP, algorithm: "oauth2" }));
	assert.deepEqual(other, server);

	const refusal = await oauth.protectedResourceRequest("no token", "GET", new URL(`${api}/api/v1/me`), undefined, undefined, overHTTP).catch((e) => e);
	assert.equal(refusal.code, oauth.WWW_AUTHENTICATE_CHALLENGE);
	const bearer = refusal.cause.find((challenge) => challenge.scheme === "bearer");
	assert.equal(bearer.parameters.error, "invalid_token");
	const resource = await oauth.processResourceDiscoveryResponse(new URL(api), await fetch(bearer.parameters.resource_metadata));
	assert.deepEqual(resource.authorization_servers, [issuer.origin]);
	assert.deepEqual(resource, await oauth.processResourceDiscoveryResponse(new URL(api), await oauth.resourceDiscoveryRequest(new URL(api), overHTTP)));
});

test("code, userinfo, refresh, introspection, revocation", async () => {
	const tokens = await authorize(web, webSecret, { parameters: { scope: "openid profile email offline_access" } });
	const { sub } = oauth.getValidatedIdTokenClaims(tokens);
	const who = await oauth.processUserInfoResponse(server, web, sub, await oauth.userInfoRequest(server, web, tokens.access_token, overHTTP));
	assert.equal(who.email, "alice@acme.test");

	const next = await oauth.processRefreshTokenResponse(server, web, await oauth.refreshTokenGrantRequest(server, web, webSecret, tokens.refresh_token, overHTTP));
	const state = async () => oauth.processIntrospectionResponse(server, web, await oauth.introspectionRequest(server, web, webSecret, next.access_token, overHTTP));
	assert.equal((await state()).sub, sub);
	await oauth.processRevocationResponse(await oauth.revocationRequest(server, web, webSecret, next.refresh_token, overHTTP));
	assert.deepEqual(await state(), { active: false });
});

test("a confidential client without PKCE, without nonce and without state", async () => {
	const to = new URL(server.authorization_endpoint);
	to.search = new URLSearchParams({ client_id: "dreams-web", redirect_uri: callback, response_type: "code", scope: "openid" });
	const answer = oauth.validateAuthResponse(server, web, await new Browser().authorize(to), oauth.expectNoState);
	const tokens = await oauth.processAuthorizationCodeResponse(server, web, await oauth.authorizationCodeGrantRequest(server, web, webSecret, answer, callback, oauth.nopkce, overHTTP));
	assert.ok(oauth.getValidatedIdTokenClaims(tokens).sub);
});

test("max_age and the signature of the ID token, in both algorithms", async () => {
	const keys = createRemoteJWKSet(new URL(server.jwks_uri));
	for (const alg of ["RS256", "ES256"]) {
		const client = await register({ token_endpoint_auth_method: "client_secret_post", id_token_signed_response_alg: alg, default_max_age: 1000 });
		const tokens = await authorize(client, oauth.ClientSecretPost(client.client_secret), { parameters: { max_age: "1000" } });
		const { protectedHeader } = await jwtVerify(tokens.id_token, keys, { issuer: issuer.origin, audience: client.client_id });
		assert.equal(protectedHeader.alg, alg);
	}
});

test("client credentials by private_key_jwt, and an access token as a resource server reads it", async () => {
	const batch = { client_id: "dreams-batch" };
	for (const name of ["dreams-batch-es256", "dreams-batch-rs256"]) {
		const answer = await oauth.clientCredentialsGrantRequest(server, batch, oauth.PrivateKeyJwt(await batchKey(name)), { scope: "packages:read" }, overHTTP);
		const tokens = await oauth.processClientCredentialsResponse(server, batch, answer);
		const request = new Request(`${api}/api/v1/packages`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
		const claims = await oauth.validateJwtAccessToken(server, request, api, overHTTP);
		assert.deepEqual([claims.client_id, claims.scope], ["dreams-batch", "packages:read"]);
	}
});

test("device grant", async () => {
	const tv = { client_id: "dreams-tv" };
	const answer = await oauth.deviceAuthorizationRequest(server, tv, oauth.None(), { scope: "profile" }, overHTTP);
	const device = await oauth.processDeviceAuthorizationResponse(server, tv, answer);
	const poll = async () => oauth.processDeviceCodeResponse(server, tv, await oauth.deviceCodeGrantRequest(server, tv, oauth.None(), device.device_code, overHTTP));
	await assert.rejects(poll(), { error: "authorization_pending" });
	let refusal; // a loaded computer may ask too slowly to be told so
	for (let tries = 0; tries < 20 && refusal?.error !== "slow_down"; tries++) refusal = await poll().catch((e) => e);
	assert.equal(refusal.error, "slow_down");
	await new Browser().typeCode(device.verification_uri_complete, device.user_code);
	await new Promise((done) => setTimeout(done, (device.interval + 5) * 1000 + 100)); // RFC 8628 §3.5: "increased by 5 seconds"
	assert.equal((await poll()).scope, "profile");
});

test("token exchange and JWT bearer", async () => {
	const tokens = await authorize(web, webSecret, { parameters: { scope: "openid profile preferences:read" } });
	const exchanged = await oauth.processGenericTokenEndpointResponse(server, web, await oauth.genericTokenEndpointRequest(server, web, webSecret, "urn:ietf:params:oauth:grant-type:token-exchange", {
		subject_token: tokens.access_token, subject_token_type: "urn:ietf:params:oauth:token-type:access_token", scope: "preferences:read",
	}, overHTTP));
	const claims = await oauth.validateJwtAccessToken(server, new Request(api, { headers: { authorization: `Bearer ${exchanged.access_token}` } }), api, overHTTP);
	assert.equal(claims.act.sub, "dreams-web");

	const { key, kid } = await batchKey("dreams-batch-es256");
	const assertion = await new SignJWT({}).setProtectedHeader({ alg: "ES256", kid }).setIssuer("dreams-batch").setSubject(claims.sub).setAudience(issuer.origin)
		.setIssuedAt().setExpirationTime("1m").setJti(crypto.randomUUID()).sign(key);
	const batch = { client_id: "dreams-batch" };
	const bearer = await oauth.processGenericTokenEndpointResponse(server, batch, await oauth.genericTokenEndpointRequest(
		server, batch, oauth.None(), "urn:ietf:params:oauth:grant-type:jwt-bearer", { assertion, scope: "preferences:read" }, overHTTP));
	assert.equal(bearer.scope, "preferences:read");
});

test("RFC 9126, RFC 9449: pushed, bound to a key, and read as a resource server reads it", async () => {
	const { signs, jwks } = await newKey("ES256");
	const client = await register({
		jwks, token_endpoint_auth_method: "private_key_jwt", grant_types: ["authorization_code", "refresh_token"],
		require_pushed_authorization_requests: true, dpop_bound_access_tokens: true,
	});
	const authentication = oauth.PrivateKeyJwt(signs);
	const keys = await oauth.generateKeyPair("ES256", { extractable: true });
	const DPoP = oauth.DPoP(client, keys);
	const tokens = await authorize(client, authentication, { push: true, DPoP, parameters: { scope: "openid profile offline_access" } });
	assert.equal(tokens.token_type, "dpop");

	let seen;
	const me = new URL(`${api}/api/v1/me`);
	const call = () => oauth.protectedResourceRequest(tokens.access_token, "GET", me, undefined, undefined, {
		...overHTTP, DPoP, [oauth.customFetch]: (url, options) => ((seen = new Request(url, options)), fetch(url, options)),
	});
	assert.equal((await (await again(call)).json()).name, "Alice Moreau");
	assert.ok((await oauth.validateJwtAccessToken(server, seen, api, { ...overHTTP, requireDPoP: true })).cnf.jkt);

	const { sub } = oauth.getValidatedIdTokenClaims(tokens);
	const who = await again(async () => oauth.processUserInfoResponse(server, client, sub, await oauth.userInfoRequest(server, client, tokens.access_token, { ...overHTTP, DPoP })));
	assert.equal(who.name, "Alice Moreau");
	const next = await again(async () => oauth.processRefreshTokenResponse(server, client, await oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refresh_token, { ...overHTTP, DPoP })));
	assert.equal(next.token_type, "dpop");
});

test("RFC 9101: a signed request with what RFC 9396 and OIDC Core §5.5 add", async () => {
	const { signs, jwks } = await newKey("ES256");
	const client = await register({ jwks, token_endpoint_auth_method: "client_secret_basic", authorization_details_types: ["travel_preferences"] });
	const authentication = oauth.ClientSecretBasic(client.client_secret);
	const verifier = oauth.generateRandomCodeVerifier();
	const to = new URL(server.authorization_endpoint);
	to.searchParams.set("client_id", client.client_id);
	to.searchParams.set("request", await oauth.issueRequestObject(server, client, {
		redirect_uri: callback, response_type: "code", scope: "openid profile", state: "S", nonce: "N", max_age: "600", resource: api,
		code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
		claims: '{"id_token":{"name":null}}', authorization_details: '[{"type":"travel_preferences","topics":["beaches"],"days":30}]',
	}, signs));
	const answer = oauth.validateAuthResponse(server, client, await new Browser("bob").authorize(to), "S");
	const tokens = await oauth.processAuthorizationCodeResponse(server, client,
		await oauth.authorizationCodeGrantRequest(server, client, authentication, answer, callback, verifier, overHTTP), { expectedNonce: "N", maxAge: 600, requireIdToken: true });
	assert.equal(oauth.getValidatedIdTokenClaims(tokens).name, "Bob Tanaka");
	assert.deepEqual(tokens.authorization_details[0].topics, ["beaches"]);
});

test("userinfo and introspection as JWTs, their signatures checked", async () => {
	const client = await register({ token_endpoint_auth_method: "client_secret_basic", userinfo_signed_response_alg: "ES256", introspection_signed_response_alg: "RS256" });
	const authentication = oauth.ClientSecretBasic(client.client_secret);
	const tokens = await authorize(client, authentication);
	const { sub } = oauth.getValidatedIdTokenClaims(tokens);
	const userinfo = await oauth.userInfoRequest(server, client, tokens.access_token, overHTTP);
	assert.equal((await oauth.processUserInfoResponse(server, client, sub, userinfo)).name, "Alice Moreau");
	await oauth.validateApplicationLevelSignature(server, userinfo, overHTTP);
	const introspection = await oauth.introspectionRequest(server, client, authentication, tokens.access_token, { ...overHTTP, requestJwtResponse: true });
	assert.equal((await oauth.processIntrospectionResponse(server, client, introspection)).sub, sub);
	await oauth.validateApplicationLevelSignature(server, introspection, overHTTP);
});

test("every refusal is one that a strict client understands", async () => {
	const refused = async (answer, error) => assert.equal((await answer.catch((e) => e)).error, error);
	const wrong = await oauth.authorizationCodeGrantRequest(server, web, oauth.ClientSecretPost("dreams-web-secret"), oauth.validateAuthResponse(server, web, new URLSearchParams({ code: "x", iss: issuer.origin }), oauth.expectNoState), callback, oauth.nopkce, overHTTP);
	await refused(oauth.processAuthorizationCodeResponse(server, web, wrong), "invalid_grant");
	await refused(oauth.processRefreshTokenResponse(server, web, await oauth.refreshTokenGrantRequest(server, web, webSecret, "x", overHTTP)), "invalid_grant");
	const badScope = await oauth.clientCredentialsGrantRequest(server, { client_id: "dreams-catalogue" }, oauth.ClientSecretPost("dreams-catalogue-secret"), { scope: "profile" }, overHTTP);
	await refused(oauth.processClientCredentialsResponse(server, { client_id: "dreams-catalogue" }, badScope), "invalid_scope");
	await refused(oauth.processGenericTokenEndpointResponse(server, web, await oauth.genericTokenEndpointRequest(server, web, webSecret, "urn:example:none", {}, overHTTP)), "unsupported_grant_type");
	const pushed = await oauth.pushedAuthorizationRequest(server, web, webSecret, { redirect_uri: "https://evil.test", response_type: "code", scope: "openid" }, overHTTP);
	await refused(oauth.processPushedAuthorizationResponse(server, web, pushed), "invalid_request");
	const registration = await oauth.dynamicClientRegistrationRequest(server, { redirect_uris: ["javascript:alert(1)"] }, overHTTP);
	await refused(oauth.processDynamicClientRegistrationResponse(registration), "invalid_redirect_uri");
	for (const secret of [oauth.ClientSecretBasic("wrong"), oauth.ClientSecretPost("wrong"), oauth.ClientSecretJwt("dreams-web-secret")]) {
		const answer = await oauth.refreshTokenGrantRequest(server, web, secret, "x", overHTTP);
		assert.equal((await oauth.processRefreshTokenResponse(server, web, answer).catch((e) => e)).status, 401);
	}
});

// A relying party made of openid-client: what the tests with it share.
import * as oidc from "openid-client";
import { Browser, api, dreams, issuer } from "./browser.mjs";

const overHTTP = { execute: [oidc.allowInsecureRequests] };

export const callback = `${dreams}/callback`;

// The client of a test: found by discovery.
export function discover(clientID, metadata = `${clientID}-secret`, authentication) {
	return oidc.discovery(issuer, clientID, metadata, authentication, overHTTP);
}

// A client that registers itself: RFC 7591.
export function register(metadata, authentication) {
	return oidc.dynamicClientRegistration(issuer, { client_name: "A client from npm", redirect_uris: [callback], ...metadata }, authentication, overHTTP);
}

// The code grant from the beginning to tokens. parameters are added to the
// request; request builds its URL; options go with the token request.
export async function signIn(config, { browser = new Browser(), parameters = {}, checks = {}, request = oidc.buildAuthorizationUrl, tokenParameters, options } = {}) {
	const verifier = oidc.randomPKCECodeVerifier();
	const state = oidc.randomState();
	const nonce = oidc.randomNonce();
	const to = await request(config, {
		redirect_uri: callback, scope: "openid profile", state, nonce,
		code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...parameters,
	});
	const answer = await browser.authorize(to);
	const expected = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true, ...checks };
	return oidc.authorizationCodeGrant(config, answer, expected, tokenParameters, options);
}

// Acme's API about the person.
export async function whatAPISays(config, tokens, options) {
	const response = await oidc.fetchProtectedResource(config, tokens.access_token, new URL(`${api}/api/v1/me`), "GET", undefined, undefined, options);
	return { status: response.status, ...(await response.json()) };
}

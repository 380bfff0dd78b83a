// A person signs in and allows something (RFC 6749 §4.1, with PKCE, RFC 7636); then
// a first call in that person's name. It wants: npm install openid-client
import http from "node:http";
import * as client from "openid-client";
«- if .Signs»«template "key.mjs" .»«end»

«- if .Insecure»
const options = { execute: [client.allowInsecureRequests] }; // this server has no TLS
«- else»
const options = {};
«- end»
const redirectURI = «str .RedirectURI»;
«- if .Signs»
const config = await client.discovery(new URL(«str .Issuer»), «str .ClientID», undefined, client.PrivateKeyJwt(key), options);
«- else if .Confidential»
const config = await client.discovery(new URL(«str .Issuer»), «str .ClientID», process.env.ACME_CLIENT_SECRET, undefined, options);
«- else»
const config = await client.discovery(new URL(«str .Issuer»), «str .ClientID», undefined, client.None(), options);
«- end»
«- if .DPoP»
// A key of this run's own, that the token is bound to (RFC 9449): every request proves it.
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
«- end»

const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
«- if .PAR»
// RFC 9126: the request goes over the back channel, the browser carries a reference to it.
const question = await client.buildAuthorizationUrlWithPAR(config, {
«- else»
const question = client.buildAuthorizationUrl(config, {
«- end»
  redirect_uri: redirectURI,
  scope: «str .Scope»,
  state,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
}«if and .PAR .DPoP», { DPoP }«end»);

const server = http.createServer(async (request, response) => {
  const landed = new URL(request.url, redirectURI);
  if (landed.pathname !== new URL(redirectURI).pathname) return response.writeHead(404).end();
  try {
    // It checks state and iss, redeems the code, and verifies the ID token.
    const tokens = await client.authorizationCodeGrant(config, landed, { pkceCodeVerifier: verifier, expectedState: state }«if .DPoP», undefined, { DPoP }«end»);
«- if .DPoP»
    const answer = await client.fetchProtectedResource(config, tokens.access_token, new URL(«str .APIURL»), "GET", undefined, undefined, { DPoP });
«- else»
    const answer = await fetch(«str .APIURL», { headers: { Authorization: `Bearer ${tokens.access_token}` } });
«- end»
    console.log(await answer.text());
    response.end("Done: look at your terminal.");
  } catch (error) {
    console.error(error);
    response.writeHead(400).end("That did not work: look at your terminal.");
  }
  server.close();
  server.closeIdleConnections();
  setTimeout(() => process.exit(), 500);
});
server.listen(«.Port», «str .ListenHost», () => console.log("Open", question.href));

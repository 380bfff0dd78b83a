// A token for the application itself (RFC 6749 §4.4), and a first call with it.«if .Strict» It wants: npm install openid-client
import * as client from "openid-client";
«- if .Signs»«template "key.mjs" .»«end»

«if .Insecure -»
const options = { execute: [client.allowInsecureRequests] }; // this server has no TLS
«- else -»
const options = {};
«- end»
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

const tokens = await client.clientCredentialsGrant(config, { scope: «str .Scope» }«if .DPoP», { DPoP }«end»);
«- if .DPoP»
const response = await client.fetchProtectedResource(config, tokens.access_token, new URL(«str .APIURL»), "GET", undefined, undefined, { DPoP });
«- else»
const response = await fetch(«str .APIURL», { headers: { Authorization: `Bearer ${tokens.access_token}` } });
«- end»
console.log(await response.text());
«else»
const secret = process.env.ACME_CLIENT_SECRET ?? "";

const answer = await fetch(«str .TokenURL», {
  method: "POST",
  headers: {
    // RFC 6749 §2.3.1: both are form-encoded first.
    Authorization: "Basic " + btoa(encodeURIComponent(«str .ClientID») + ":" + encodeURIComponent(secret)),
  },
  body: new URLSearchParams({ grant_type: "client_credentials", scope: «str .Scope» }),
});
const token = await answer.json();
if (!answer.ok) throw new Error(`${token.error}: ${token.error_description}`);

const response = await fetch(«str .APIURL», { headers: { Authorization: `Bearer ${token.access_token}` } });
console.log(await response.text());
«end -»

// A device without a browser (RFC 8628): a person allows something elsewhere; then a
// first call in that person's name.«if .Strict» It wants: npm install openid-client
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

const device = await client.initiateDeviceAuthorization(config, { scope: «str .Scope» });
console.log("Open", device.verification_uri, "and type", device.user_code);
const tokens = await client.pollDeviceAuthorizationGrant(config, device, undefined«if .DPoP», { DPoP }«end»);
«- if .DPoP»
const response = await client.fetchProtectedResource(config, tokens.access_token, new URL(«str .APIURL»), "GET", undefined, undefined, { DPoP });
«- else»
const response = await fetch(«str .APIURL», { headers: { Authorization: `Bearer ${tokens.access_token}` } });
«- end»
console.log(await response.text());
«else»
const clientID = «str .ClientID»;
const post = async (url, form) => (await fetch(url, { method: "POST", body: new URLSearchParams({ client_id: clientID, «if .Confidential»client_secret: process.env.ACME_CLIENT_SECRET, «end»...form }) })).json();

const device = await post(«str .DeviceURL», { scope: «str .Scope» });
if (device.error) throw new Error(`${device.error}: ${device.error_description}`);
console.log("Open", device.verification_uri, "and type", device.user_code);

let token, interval = device.interval;
do {
  await new Promise((wait) => setTimeout(wait, interval * 1000));
  token = await post(«str .TokenURL», { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: device.device_code });
  if (token.error === "slow_down") interval += 5;
} while (token.error === "authorization_pending" || token.error === "slow_down");
if (token.error) throw new Error(`${token.error}: ${token.error_description}`);

const response = await fetch(«str .APIURL», { headers: { Authorization: `Bearer ${token.access_token}` } });
console.log(await response.text());
«end -»

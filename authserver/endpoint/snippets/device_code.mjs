// A device without a browser (RFC 8628): a person allows something elsewhere; then a
// first call in that person's name.
const clientID = «str .ClientID»;
const post = async (url, form) => (await fetch(url, { method: "POST", body: new URLSearchParams({ client_id: clientID, ...form }) })).json();

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

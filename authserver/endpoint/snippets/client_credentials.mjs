// A token for the application itself (RFC 6749 §4.4), and a first call with it.
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

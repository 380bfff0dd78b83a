// What the page shows. The protocol is in oauth.js.
import { claims, Client, Refusal } from "./oauth.js";

const app = document.getElementById("spa");
const at = (id) => document.getElementById(id);
const show = (id, shown = true) => { at(id).hidden = !shown; };
// Text, never markup: what Acme's people write is not ours to trust.
const element = (name, text, className = "") => Object.assign(document.createElement(name), { textContent: text, className });

const client = new Client({ ...app.dataset }, (message) => {
  const line = document.createElement("li");
  const first = element("p", "");
  first.append(element("b", message.what));
  const second = element("p", "", "small");
  second.append(element("code", `${message.method} ${message.url}`), ` ${message.failed ?? message.status} in ${message.took} ms`);
  if (message.parameters.length) second.append(element("span", ` sent: ${message.parameters.join(", ")}`, "muted"));
  line.append(first, second);
  at("messages").append(line);
  show("no-messages", false);
});

function complain(error) {
  at("trouble-words").textContent = error.message;
  at("trouble-rule").textContent = error instanceof Refusal ? error.rule : "";
  show("trouble");
  at("trouble").focus();
}

// attempt runs something that a button does, and shows what goes wrong.
async function attempt(button, work) {
  button.disabled = true;
  show("trouble", false);
  try {
    await work();
  } catch (error) {
    complain(error);
  } finally {
    button.disabled = false;
    describe();
  }
}

function describe() {
  show("signed-out", !client.signedIn);
  show("signed-in", client.signedIn);
  if (!client.signedIn) return;
  at("sub").textContent = client.subject;
  at("scope").textContent = client.scope.join(" ");
  at("jti").textContent = claims(client.accessToken).jti ?? "";
  at("rotations").textContent = client.renewable ? `${client.rotations} so far` : "no refresh token: offline_access was not granted";
  at("refresh").hidden = !client.renewable;
  at("token").textContent = client.accessToken;
  countDown();
}

function countDown() {
  if (!client.signedIn) return;
  const left = Math.max(0, Math.round((client.expiresAt - Date.now()) / 1000));
  at("expiry").textContent = left === 0 ? "expired" : `${Math.floor(left / 60)} min ${left % 60} s`;
}

async function load() {
  const me = await client.userinfo();
  at("greeting").textContent = `Hello, ${me.name ?? "you"}`;
  await preferences();
  await packages();
}

async function preferences() {
  if (!client.scope.includes("preferences:read")) {
    at("preferences").textContent = "not granted: preferences:read";
    return;
  }
  const { status, body } = await client.api("What do I like?", "/api/v1/me/preferences");
  at("preferences").textContent = status === 200
    ? `${body.interests.join(", ")}; up to €${body.budget.max}; travels with: ${body.travels_with}`
    : `Acme answered ${status}`;
}

async function packages() {
  at("packages").replaceChildren();
  show("no-packages", !client.scope.includes("packages:read"));
  if (!client.scope.includes("packages:read")) return;
  const { status, body } = await client.api("What is there to buy?", "/api/v1/packages?limit=6");
  if (status !== 200) throw new Error(`Acme answered ${status}`);
  for (const one of body.packages) {
    const line = document.createElement("li");
    const link = element("a", one.title);
    if (one.url.startsWith(app.dataset.acme + "/")) link.href = one.url;
    line.append(link, ` ${one.destination}, ${one.nights} nights, from €${one.price.amount}`);
    at("packages").append(line);
  }
}

at("sign-in").addEventListener("click", () => attempt(at("sign-in"), async () => {
  location.assign(await client.authorizationRequest());
}));
at("refresh").addEventListener("click", () => attempt(at("refresh"), () => client.refresh()));
at("again").addEventListener("click", () => attempt(at("again"), load));
at("sign-out").addEventListener("click", () => attempt(at("sign-out"), async () => {
  await client.signOut();
  at("token").textContent = at("greeting").textContent = "";
  at("said").textContent = "Signed out. The tokens were given back, and Acme has confirmed it.";
}));
setInterval(countDown, 1000);

async function start() {
  show("script");
  // "secure context": https, and localhost, but not http at a LAN's address.
  if (!globalThis.crypto?.subtle) {
    show("insecure");
    return;
  }
  show("signed-out");
  if (location.pathname !== app.dataset.callback) return;
  const answer = new URLSearchParams(location.search);
  // The code leaves the address bar and this entry of the history at once.
  history.replaceState(null, "", app.dataset.home);
  at("said").textContent = "";
  try {
    await client.finish(answer);
    describe();
    await load();
  } catch (error) {
    complain(error);
  }
  describe();
}

if (app.dataset.token) start();

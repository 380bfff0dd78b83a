// The implicit grant as of 2014 (RFC 6749 §4.2). Do not copy this: the token
// comes in the address, and nothing says for whom it was made. How it is done
// today is in dreams/spa/oauth.js.

const app = document.getElementById("widget");
const at = (id) => document.getElementById(id);
const show = (id, shown = true) => { at(id).hidden = !shown; };
const attemptKey = "dreams-widget-state";

const unguessable = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// claims reads a JWT's payload, for the explanation. The widget of 2014 never
// looked: to it the token was a string.
function claims(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));
  } catch {
    return {};
  }
}

function authorize(lesson) {
  const state = unguessable();
  sessionStorage.setItem(attemptKey, JSON.stringify({ state, lesson }));
  const request = new URL(app.dataset.authorization);
  request.search = new URLSearchParams({
    response_type: "token", // "the value MUST be set to token" (RFC 6749 §4.2.1)
    client_id: app.dataset.clientId,
    redirect_uri: app.dataset.redirectUri,
    scope: app.dataset.scope,
    state,
  });
  location.assign(request.href);
}

function complain(words) {
  at("trouble-words").textContent = words;
  show("trouble");
}

async function ask(path, token) {
  const response = await fetch(app.dataset.acme + path, {
    headers: { Authorization: `Bearer ${token}` }, credentials: "omit", cache: "no-store", redirect: "error",
  });
  return { status: response.status, body: response.ok ? await response.json() : {} };
}

// use is all that the widget does with a token: whoever's it is.
async function use(token) {
  const me = await ask("/api/v1/me", token);
  if (me.status !== 200) return { status: me.status };
  const packages = await ask("/api/v1/packages?limit=1", token);
  return { status: 200, name: me.body.name, offer: packages.body.packages?.[0] };
}

function fill(used) {
  at("hello").textContent = used.status === 200 ? `Hello, ${used.name}` : `Acme answered ${used.status}`;
  at("offer").textContent = used.offer ? `${used.offer.title}, from €${used.offer.price.amount}` : "";
  show("card-signed-out", false);
  show("card");
}

let expiresAt = 0;
function countDown() {
  const left = Math.max(0, Math.round((expiresAt - Date.now()) / 1000));
  at("expiry").textContent = left === 0 ? "over: the browser has to go to Acme’s accounts again" : `${Math.floor(left / 60)} min ${left % 60} s`;
}

async function arrived() {
  const attempt = JSON.parse(sessionStorage.getItem(attemptKey) ?? "null");
  sessionStorage.removeItem(attemptKey);
  const address = location.href;
  // "parses the fragment": the server never sees it (RFC 6749 §4.2, step F).
  const answer = new URLSearchParams(location.hash.slice(1));
  // Too late: the browser has written the address into its history by now. This
  // takes it out of the address bar, and out of the way back.
  history.replaceState(null, "", app.dataset.home);
  if (answer.toString() === "") return;
  if (!attempt || answer.get("state") !== attempt.state) {
    complain("The state is not the one that this tab sent.");
    return;
  }
  if (answer.get("iss") !== app.dataset.issuer) {
    complain("The answer comes from another server than the one that was asked.");
    return;
  }
  if (answer.has("error")) {
    complain(`Acme’s accounts answered ${answer.get("error")}: ${answer.get("error_description") ?? ""}`);
    return;
  }
  const token = answer.get("access_token");
  at("address").textContent = address;
  at("members").textContent = [...answer.keys()].join(", ");
  at("entries").textContent = history.length;
  expiresAt = Date.now() + Number(answer.get("expires_in") ?? 0) * 1000;
  countDown();
  setInterval(countDown, 1000);
  at("moved").href = `${app.dataset.moved}#${answer}`;
  show("happened");
  for (const name of ["access_token", "expires_in", "scope"]) at(`lesson-${name}`).value = answer.get(name) ?? "";
  if (attempt.lesson) {
    at("lesson").requestSubmit();
    return;
  }
  show("lesson");
  fill(await use(token));
}

at("start").addEventListener("click", () => authorize(false));
at("injection").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = at("foreign").value.trim();
  const used = await use(token).catch(() => ({ status: "nothing" }));
  fill(used);
  const { client_id: client } = claims(token);
  at("injected").textContent = used.status !== 200
    ? `Acme did not take it: ${used.status}. It has to be a live token with the scope profile.`
    : client === app.dataset.clientId
      ? "That is a token of the widget’s own. Try one of another client."
      : `The widget greets ${used.name}. The token was made for ${client ?? "somebody else"}, and the widget never asked: whoever runs that application can sign in here as its users.`;
  show("injected");
});

show("script");
if (location.pathname === app.dataset.callback) {
  arrived().catch(() => complain("Acme cannot be reached."));
} else if (new URLSearchParams(location.hash.slice(1)).has("access_token")) {
  at("carried-address").textContent = location.href;
  history.replaceState(null, "", app.dataset.home);
  show("carried");
} else if (app.dataset.lesson === "true") {
  history.replaceState(null, "", app.dataset.home); // the way back does not start it again
  authorize(true);
}

// The authorization code grant with PKCE, as a page without a server does it.
//
//   page                                   authorization server            Acme
//    |-- navigates, code_challenge, state ------->|   RFC 6749 §4.1.1, RFC 7636 §4.3
//    |<-- comes back with code, state, iss -------|   RFC 6749 §4.1.2, RFC 9207 §2
//    |-- fetch: code, code_verifier ------------->|   RFC 6749 §4.1.3, RFC 7636 §4.5
//    |<-- access, refresh and ID token -----------|
//    |-- fetch: access token ------------------------------------------------->|
//
// Where the tokens are: in private fields of an object, so in the memory of this
// page and nowhere else. localStorage and sessionStorage would survive a reload,
// and every script that ever runs on this origin could read them there, long
// after the person has gone: an injected one, or that of a dependency. Memory is
// no proof against a script that runs beside this one, now. It gives it nothing
// to find later, and nothing that outlives the page.
//
// What does lie in sessionStorage, for the minute at the authorization server, is
// state, nonce and code_verifier: the page is gone meanwhile. They are removed
// when they are used, and without a code they open nothing.

const attemptKey = "dreams-spa-attempt";

/** A Refusal is an answer that we do not accept, in words for the person. */
export class Refusal extends Error {
  constructor(words, rule) {
    super(words);
    this.rule = rule;
  }
}

/** A TokenError is what the token endpoint refused (RFC 6749 §5.2). */
export class TokenError extends Error {
  constructor(status, body) {
    super(`${body.error ?? status}: ${body.error_description ?? "no description"}`);
    this.code = body.error;
  }
}

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

// 256 random bits in 43 characters, as RFC 7636 §4.1 recommends.
const unguessable = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** challenge is S256 of a verifier (RFC 7636 §4.2). */
export async function challenge(verifier) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(hash));
}

/** claims reads a JWT's payload. It verifies nothing: see identify. */
export function claims(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}

export class Client {
  #config;
  #observe;
  #tokens = null; // {access, refresh, expiresAt, scope}
  #refreshing = null;

  /** Who signed in: sub of the ID token; null: nobody. */
  subject = null;
  /** How often the refresh token was replaced. */
  rotations = 0;

  /** observe is told of every message, without the secrets in it. */
  constructor(config, observe = () => {}) {
    this.#config = config;
    this.#observe = observe;
  }

  get signedIn() { return this.#tokens !== null; }
  get expiresAt() { return this.#tokens?.expiresAt; }
  get scope() { return this.#tokens?.scope ?? []; }
  get renewable() { return Boolean(this.#tokens?.refresh); }
  /** For the page that shows the token to the person whose token it is. */
  get accessToken() { return this.#tokens?.access; }

  /** authorizationRequest remembers the attempt and returns where to go. */
  async authorizationRequest() {
    const attempt = { state: unguessable(), nonce: unguessable(), verifier: unguessable() };
    sessionStorage.setItem(attemptKey, JSON.stringify(attempt));
    const request = new URL(this.#config.authorization);
    request.search = new URLSearchParams({
      response_type: "code",
      client_id: this.#config.clientId,
      redirect_uri: this.#config.redirectUri,
      scope: this.#config.scope,
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await challenge(attempt.verifier),
      code_challenge_method: "S256",
    });
    return request.href;
  }

  /** finish takes what the authorization server sent back to the redirect URI. */
  async finish(answer) {
    const attempt = JSON.parse(sessionStorage.getItem(attemptKey) ?? "null");
    sessionStorage.removeItem(attemptKey); // for one use, whatever comes of it
    for (const name of ["code", "state", "iss", "error"]) {
      if (answer.getAll(name).length > 1) throw new Refusal(`${name} stands in the answer twice.`, "RFC 6749 §3.1");
    }
    // Otherwise somebody could send you a link with a code of theirs, and you
    // would look at their account for yours. An empty state is nobody's.
    if (!attempt?.state || answer.get("state") !== attempt.state) {
      throw new Refusal("The state is not the one that this tab sent. If somebody gave you this link, that is good.", "RFC 6749 §10.12");
    }
    if (answer.get("iss") !== this.#config.issuer) {
      throw new Refusal("The answer comes from another server than the one that was asked.", "RFC 9207 §2.4");
    }
    if (answer.has("error")) {
      throw new Refusal(`Acme’s accounts answered ${answer.get("error")}: ${answer.get("error_description") ?? ""}`, "RFC 6749 §4.1.2.1");
    }
    if (!answer.get("code")) throw new Refusal("There is neither a code nor an error in the answer.", "RFC 6749 §4.1.2");
    const response = await this.#token("The code, with its verifier", {
      grant_type: "authorization_code",
      code: answer.get("code"),
      redirect_uri: this.#config.redirectUri,
      code_verifier: attempt.verifier,
    });
    this.#identify(response.id_token, attempt.nonce);
    this.#keep(response);
  }

  // The ID token came straight from the token endpoint, so who we talked to
  // stands for its signature (OIDC Core §3.1.3.7, 6). The rest is ours to check.
  #identify(idToken, nonce) {
    const { iss, aud, azp, exp, sub, nonce: theirs } = claims(idToken ?? "");
    const audiences = [aud].flat();
    if (iss !== this.#config.issuer || !audiences.includes(this.#config.clientId) || (azp && azp !== this.#config.clientId)) {
      throw new Refusal("The ID token is from somebody else, or for somebody else.", "OIDC Core §3.1.3.7");
    }
    if (!(exp * 1000 > Date.now()) || theirs !== nonce || !sub) {
      throw new Refusal("The ID token is too old, or answers another request.", "OIDC Core §3.1.3.7");
    }
    this.subject = sub;
  }

  #keep(response) {
    this.#tokens = {
      access: response.access_token,
      // A refresh answer without one leaves the old one in force (RFC 6749 §6).
      refresh: response.refresh_token ?? this.#tokens?.refresh,
      expiresAt: Date.now() + (response.expires_in ?? 3600) * 1000,
      scope: (response.scope ?? this.#config.scope).split(" "),
    };
  }

  /**
   * refresh spends the refresh token for new tokens. One at a time: the server
   * takes one that comes twice for a stolen one, and ends everything that it
   * gave (RFC 9700 §4.14.2).
   */
  refresh() {
    this.#refreshing ??= this.#refresh().finally(() => { this.#refreshing = null; });
    return this.#refreshing;
  }

  async #refresh() {
    if (!this.#tokens?.refresh) throw new Refusal("There is no refresh token: you did not grant offline_access.", "RFC 6749 §6");
    try {
      this.#keep(await this.#token("The refresh token, for new tokens", { grant_type: "refresh_token", refresh_token: this.#tokens.refresh }));
      this.rotations++;
    } catch (error) {
      if (error instanceof TokenError && error.code === "invalid_grant") this.#forget();
      throw error;
    }
  }

  /** userinfo asks who the token speaks for (OIDC Core §5.3). */
  async userinfo() {
    const { status, body } = await this.#get("Who am I?", this.#config.userinfo);
    if (status !== 200) throw new Error(`userinfo answered ${status}`);
    // "if they do not match, the UserInfo Response values MUST NOT be used" (§5.3.2)
    if (body.sub !== this.subject) throw new Refusal("userinfo is about somebody else than the ID token.", "OIDC Core §5.3.2");
    return body;
  }

  /** api asks Acme; the answer is {status, body}. */
  api(what, path) { return this.#get(what, this.#config.acme + path); }

  async #get(what, url) {
    if (Date.now() > this.#tokens.expiresAt - 10_000 && this.renewable) await this.refresh();
    let answer = await this.#bearer(what, url);
    if (answer.status === 401 && this.renewable) { // expired or revoked since we looked
      await this.refresh();
      answer = await this.#bearer(`${what} (with the new token)`, url);
    }
    return answer;
  }

  // In the header and nowhere else (RFC 6750 §2.1): addresses end in logs.
  #bearer(what, url) {
    return this.#send(what, url, { headers: { Authorization: `Bearer ${this.#tokens.access}`, Accept: "application/json" } });
  }

  /** signOut gives the tokens back (RFC 7009 §2.1) and forgets them. */
  async signOut() {
    const token = this.#tokens?.refresh ?? this.#tokens?.access;
    this.#forget();
    if (token) await this.#post("Gives the tokens back", this.#config.revocation, { token });
  }

  #forget() {
    this.#tokens = null;
    this.subject = null;
  }

  async #token(what, parameters) {
    const { status, body } = await this.#post(what, this.#config.token, parameters);
    if (status !== 200) throw new TokenError(status, body);
    if (body.token_type?.toLowerCase() !== "bearer") throw new Refusal("The token is of a type that we do not understand.", "RFC 6749 §7.1");
    return body;
  }

  // A public client names itself: it has no secret to prove it by.
  #post(what, url, parameters) {
    return this.#send(what, url, { method: "POST", body: new URLSearchParams({ client_id: this.#config.clientId, ...parameters }) });
  }

  async #send(what, url, options) {
    const message = { what, method: options.method ?? "GET", url, parameters: [...(options.body?.keys() ?? [])] };
    const begun = performance.now();
    try {
      // No cookie travels, and no redirect is followed with a token in hand.
      const response = await fetch(url, { ...options, credentials: "omit", cache: "no-store", redirect: "error" });
      const text = await response.text();
      message.status = response.status;
      return { status: response.status, body: text && response.headers.get("Content-Type")?.includes("json") ? JSON.parse(text) : {} };
    } catch (error) {
      message.failed = "no answer";
      throw new Error(`${new URL(url).host} cannot be reached`, { cause: error });
    } finally {
      message.took = Math.round(performance.now() - begun);
      this.#observe(message);
    }
  }
}

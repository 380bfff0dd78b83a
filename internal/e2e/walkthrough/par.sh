#!/usr/bin/env bash
# Pushed authorization request, RFC 9126
# The request goes from server to server; the browser carries a reference to it.
# Start the programs first (make run), then paste this as it stands.
set -euo pipefail
AUTHSERVER=${AUTHSERVER_URL:-http://localhost:9000} ACME=${ACME_URL:-http://localhost:9001} DREAMS=${DREAMS_URL:-http://localhost:9002}

json() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; } # one string member of a JSON answer

# The browser, played by curl: it keeps cookies, and sends a form's hidden fields back.
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
browse() { curl -sSL -b "$jar" -c "$jar" "$@"; }
hidden() { grep -o "name=\"$1\" value=\"[^\"]*\"" <<<"$page" | head -n 1 | cut -d '"' -f 4; }

# §2.1: Dreams shows who it is, and leaves the request at the authorization server.
verifier=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=\n')
push() {
  curl -sS -u dreams-web:dreams-web-secret -d response_type=code -d client_id=dreams-web -d state=S1 -d prompt=consent \
    --data-urlencode "scope=openid profile preferences:read" -d "code_challenge=$challenge" -d code_challenge_method=S256 "$@" "$AUTHSERVER/par"
}
pushed=$(push -d "redirect_uri=$DREAMS/callback")
echo "$pushed"
uri=$(json request_uri <<<"$pushed")

# §4: this is all that Alice's browser sees of it. She signs in ...
request="$AUTHSERVER/authorize?client_id=dreams-web&request_uri=$uri"
page=$(browse "$request")
page=$(browse -d username=alice -d password=wanderlust --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/login")
# ... and lets her preferences through. The answer is a redirect, which we read and do not follow.
answer=$(curl -sS -b "$jar" -o /dev/null -w '%{redirect_url}' -d scope=preferences:read -d decision=allow \
  --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/consent")
code=$(sed -n 's/.*[?&]code=\([^&]*\).*/\1/p' <<<"$answer")

tokens=$(curl -sSf -u dreams-web:dreams-web-secret -d grant_type=authorization_code -d "code=$code" \
  -d "redirect_uri=$DREAMS/callback" -d "code_verifier=$verifier" "$AUTHSERVER/token")
curl -sSf -H "Authorization: Bearer $(json access_token <<<"$tokens")" "$ACME/api/v1/me/preferences"; echo

# What it cannot do: be used twice, or lead to an address that nobody registered.
browse "$request" | grep -o 'id="oauth-error">[a-z_]*'
push -d redirect_uri=https://evil.test/callback; echo

#!/usr/bin/env bash
# Refresh token, RFC 6749 §6, with rotation, RFC 9700 §4.14.2
# Dreams looks again while Alice is away.
# Start the programs first (make run), then paste this as it stands.
set -euo pipefail
AUTHSERVER=${AUTHSERVER_URL:-http://localhost:9000} ACME=${ACME_URL:-http://localhost:9001} DREAMS=${DREAMS_URL:-http://localhost:9002}

json() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; } # one string member of a JSON answer

# The browser, played by curl: it keeps cookies, and sends a form's hidden fields back.
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
browse() { curl -sSL -b "$jar" -c "$jar" "$@"; }
hidden() { grep -o "name=\"$1\" value=\"[^\"]*\"" <<<"$page" | head -n 1 | cut -d '"' -f 4; }

# §4.1.1: the request that Dreams sends the browser with.
verifier=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=\n')
request="$AUTHSERVER/authorize?response_type=code&client_id=dreams-web&redirect_uri=$DREAMS/callback&state=S1&prompt=consent&scope=openid+profile+offline_access&code_challenge=$challenge&code_challenge_method=S256"

# Alice signs in ...
page=$(browse "$request")
page=$(browse -d username=alice -d password=wanderlust --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/login")
# ... and lets offline access through. The answer is a redirect, which we read and do not follow.
answer=$(curl -sS -b "$jar" -o /dev/null -w '%{redirect_url}' -d scope=offline_access -d decision=allow \
  --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/consent")
code=$(sed -n 's/.*[?&]code=\([^&]*\).*/\1/p' <<<"$answer")

# §4.1.3: the code goes to the token endpoint, from server to server.
tokens=$(curl -sSf -u dreams-web:dreams-web-secret -d grant_type=authorization_code -d "code=$code" \
  -d "redirect_uri=$DREAMS/callback" -d "code_verifier=$verifier" "$AUTHSERVER/token")
token=$(json access_token <<<"$tokens")
refresh=$(json refresh_token <<<"$tokens")

# §6: the old one is spent, a new one takes its place.
renewed=$(curl -sSf -u dreams-web:dreams-web-secret -d grant_type=refresh_token -d "refresh_token=$refresh" "$AUTHSERVER/token")
curl -sSf -H "Authorization: Bearer $(json access_token <<<"$renewed")" "$ACME/api/v1/me"; echo

# What it cannot do: be used twice. One of the two users is a thief, so everything ends.
curl -sS -u dreams-web:dreams-web-secret -d grant_type=refresh_token -d "refresh_token=$refresh" "$AUTHSERVER/token"; echo
curl -sS -u dreams-web:dreams-web-secret -d grant_type=refresh_token -d "refresh_token=$(json refresh_token <<<"$renewed")" "$AUTHSERVER/token"; echo

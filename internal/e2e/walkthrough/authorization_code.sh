#!/usr/bin/env bash
# Authorization code without PKCE, RFC 6749 §4.1
# A confidential web application, as in 2012.
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
request="$AUTHSERVER/authorize?response_type=code&client_id=dreams-web&redirect_uri=$DREAMS/callback&state=S1&prompt=consent&scope=openid+profile+preferences:read"

# Alice signs in ...
page=$(browse "$request")
page=$(browse -d username=alice -d password=wanderlust --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/login")
# ... and lets her preferences through. The answer is a redirect, which we read and do not follow.
answer=$(curl -sS -b "$jar" -o /dev/null -w '%{redirect_url}' -d scope=preferences:read -d decision=allow \
  --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/consent")
code=$(sed -n 's/.*[?&]code=\([^&]*\).*/\1/p' <<<"$answer")

# §4.1.3: the code goes to the token endpoint, from server to server.
tokens=$(curl -sSf -u dreams-web:dreams-web-secret -d grant_type=authorization_code -d "code=$code" \
  -d "redirect_uri=$DREAMS/callback" "$AUTHSERVER/token")
token=$(json access_token <<<"$tokens")

curl -sSf -H "Authorization: Bearer $token" "$ACME/api/v1/me/preferences"; echo

# What it cannot do: see what was not allowed.
curl -sS -H "Authorization: Bearer $token" "$ACME/api/v1/me/posts"; echo

#!/usr/bin/env bash
# Implicit, RFC 6749 §4.2: removed from OAuth 2.1
# A widget of the days before CORS. With LEGACY_GRANTS=off it is gone.
# Start the programs first (make run), then paste this as it stands.
set -euo pipefail
AUTHSERVER=${AUTHSERVER_URL:-http://localhost:9000} ACME=${ACME_URL:-http://localhost:9001} DREAMS=${DREAMS_URL:-http://localhost:9002}

# The browser, played by curl: it keeps cookies, and sends a form's hidden fields back.
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
browse() { curl -sSL -b "$jar" -c "$jar" "$@"; }
hidden() { grep -o "name=\"$1\" value=\"[^\"]*\"" <<<"$page" | head -n 1 | cut -d '"' -f 4; }

# §4.2.1: a token is asked for, and no code.
request="$AUTHSERVER/authorize?response_type=token&client_id=dreams-widget&redirect_uri=$DREAMS/widget/callback&state=S1&prompt=consent&scope=profile+preferences:read"

# Alice signs in ...
page=$(browse "$request")
page=$(browse -d username=alice -d password=wanderlust --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/login")
# ... and lets her preferences through. The answer is a redirect, which we read and do not follow.
answer=$(curl -sS -b "$jar" -o /dev/null -w '%{redirect_url}' -d scope=preferences:read -d decision=allow \
  --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/consent")

# §4.2.2: the token is in the fragment: in the address bar, and in the browser's history.
token=$(sed -n 's/.*[#&]access_token=\([^&]*\).*/\1/p' <<<"$answer")
curl -sSf -H "Authorization: Bearer $token" "$ACME/api/v1/me/preferences"; echo

# What it cannot do: last. There is no refresh token, and nobody to prove who asked.
grep -o 'refresh_token' <<<"$answer" || echo "no refresh_token"

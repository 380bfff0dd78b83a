#!/usr/bin/env bash
# Step-up authentication, RFC 9470
# Acme takes no write from a login that is older than five minutes, and says so.
# Start the programs first (make run), then paste this as it stands. It waits for five minutes.
set -euo pipefail
AUTHSERVER=${AUTHSERVER_URL:-http://localhost:9000} ACME=${ACME_URL:-http://localhost:9001}

json() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; } # one string member of a JSON answer
login() { # the shortest login that there is; do not copy it (RFC 9700 §2.4)
  curl -sSf -d grant_type=password -d client_id=acme-mobile -d username=alice -d password=wanderlust \
    --data-urlencode 'scope=profile preferences:read preferences:write offline_access' "$AUTHSERVER/token"
}
write() {
  curl -sS -i -X PUT -H "Authorization: Bearer $1" -H 'Content-Type: application/json' \
    -d '{"interests":["hiking","mountains","huts"],"budget":{"max":800},"travels_with":"friend","months":[6,9]}' "$ACME/api/v1/me/preferences" | tr -d '\r'
}

tokens=$(login)
write "$(json access_token <<<"$tokens")" | head -n 1

${WAIT:-sleep 301}
# Refreshing does not help: the token is new, and the login is not (§6.1).
refreshed=$(curl -sSf -d grant_type=refresh_token -d client_id=acme-mobile --data-urlencode "refresh_token=$(json refresh_token <<<"$tokens")" "$AUTHSERVER/token")
write "$(json access_token <<<"$refreshed")" | grep -iE '^(HTTP|WWW-Authenticate: Bearer)'

# A login does. Where there is a browser: /authorize with max_age=300 (§4).
write "$(json access_token <<<"$(login)")" | head -n 1

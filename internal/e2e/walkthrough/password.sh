#!/usr/bin/env bash
# Resource owner password, RFC 6749 §4.3: removed from OAuth 2.1
# Acme's own first mobile app. With LEGACY_GRANTS=off it is gone.
# Start the programs first (make run), then paste this as it stands.
set -euo pipefail
AUTHSERVER=${AUTHSERVER_URL:-http://localhost:9000} ACME=${ACME_URL:-http://localhost:9001} DREAMS=${DREAMS_URL:-http://localhost:9002}

json() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; } # one string member of a JSON answer

# §4.3.2: the app has the password, and so has whoever looks over its shoulder.
token=$(curl -sSf -d grant_type=password -d client_id=acme-mobile -d username=alice -d password=wanderlust -d "scope=profile preferences:read" "$AUTHSERVER/token" | json access_token)
curl -sSf -H "Authorization: Bearer $token" "$ACME/api/v1/me"; echo

# What it cannot do: be used by anybody else's app.
curl -sS -u dreams-web:dreams-web-secret -d grant_type=password -d username=alice -d password=wanderlust -d scope=profile "$AUTHSERVER/token"; echo

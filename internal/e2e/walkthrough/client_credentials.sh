#!/usr/bin/env bash
# Client credentials, RFC 6749 §4.4
# Dreams' catalogue job reads public data for itself.
# Start the programs first (make run), then paste this as it stands.
set -euo pipefail
AUTHSERVER=${AUTHSERVER_URL:-http://localhost:9000} ACME=${ACME_URL:-http://localhost:9001} DREAMS=${DREAMS_URL:-http://localhost:9002}

json() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; } # one string member of a JSON answer

# §4.4.2: the client says who it is, by its secret.
token=$(curl -sSf -u dreams-catalogue:dreams-catalogue-secret -d grant_type=client_credentials "$AUTHSERVER/token" | json access_token)

# RFC 6750 §2.1: the token in the header.
curl -sSf -H "Authorization: Bearer $token" "$ACME/api/v1/packages?limit=1"; echo

# What it cannot do: there is no person behind this token.
curl -sS -H "Authorization: Bearer $token" "$ACME/api/v1/me"; echo

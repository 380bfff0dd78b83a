#!/usr/bin/env bash
# Device code, RFC 8628
# Dreams on the television.
# Start the programs first (make run), then paste this as it stands.
set -euo pipefail
AUTHSERVER=${AUTHSERVER_URL:-http://localhost:9000} ACME=${ACME_URL:-http://localhost:9001} DREAMS=${DREAMS_URL:-http://localhost:9002}

json() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; } # one string member of a JSON answer

# The browser, played by curl: it keeps cookies, and sends a form's hidden fields back.
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
browse() { curl -sSL -b "$jar" -c "$jar" "$@"; }
hidden() { grep -o "name=\"$1\" value=\"[^\"]*\"" <<<"$page" | head -n 1 | cut -d '"' -f 4; }

# §3.1: the television asks for a code for itself and one for its person.
device=$(curl -sSf -d client_id=dreams-tv -d "scope=profile preferences:read" "$AUTHSERVER/device_authorization")
poll() { curl -sS -d client_id=dreams-tv -d grant_type=urn:ietf:params:oauth:grant-type:device_code -d "device_code=$(json device_code <<<"$device")" "$AUTHSERVER/token"; }
poll; echo # §3.5: authorization_pending

# §3.3: on another screen Alice types the code ...
page=$(browse "$AUTHSERVER/device")
page=$(browse -d "user_code=$(json user_code <<<"$device")" --data-urlencode "csrf=$(hidden csrf)" "$AUTHSERVER/device")
# ... signs in ...
page=$(browse -d username=alice -d password=wanderlust --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/login")
# ... and lets her preferences through.
browse -o /dev/null -d scope=preferences:read -d decision=allow --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/consent"

sleep "${DEVICE_WAIT:-5}" # the interval of §3.2; sooner is slow_down
token=$(poll | json access_token)
curl -sSf -H "Authorization: Bearer $token" "$ACME/api/v1/me/preferences"; echo

# What it cannot do: be redeemed twice.
sleep "${DEVICE_WAIT:-5}"
poll; echo

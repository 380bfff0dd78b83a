#!/usr/bin/env bash
# Rich authorization request, RFC 9396
# What a scope cannot say: what Alice likes about mountains, for thirty days, and nothing else.
# Start the programs first (make run), then paste this as it stands.
set -euo pipefail
AUTHSERVER=${AUTHSERVER_URL:-http://localhost:9000} ACME=${ACME_URL:-http://localhost:9001} DREAMS=${DREAMS_URL:-http://localhost:9002}

json() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; } # one string member of a JSON answer

# The browser, played by curl: it keeps cookies, and sends a form's hidden fields back.
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
browse() { curl -sSL -b "$jar" -c "$jar" "$@"; }
hidden() { grep -o "name=\"$1\" value=\"[^\"]*\"" <<<"$page" | head -n 1 | cut -d '"' -f 4; }

# §2: an array of objects; type says what may stand in them. No scope for preferences is asked for.
details='[{"type":"travel_preferences","topics":["mountains","beaches"],"days":30}]'
verifier=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=\n')
page=$(browse -G -d response_type=code -d client_id=dreams-web -d state=S1 -d scope=profile -d "redirect_uri=$DREAMS/callback" \
  -d "code_challenge=$challenge" -d code_challenge_method=S256 --data-urlencode "authorization_details=$details" "$AUTHSERVER/authorize")

# Alice signs in, and reads what it is about ...
page=$(browse -d username=alice -d password=wanderlust --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/login")
grep -o 'What you like about [^<]*' <<<"$page" | head -n 1
# ... and ticks it. The answer is a redirect, which we read and do not follow.
answer=$(curl -sS -b "$jar" -o /dev/null -w '%{redirect_url}' -d authorization_detail=0 -d decision=allow \
  --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/consent")
code=$(sed -n 's/.*[?&]code=\([^&]*\).*/\1/p' <<<"$answer")

# §7: the token response says what was granted, and until when.
tokens=$(curl -sSf -u dreams-web:dreams-web-secret -d grant_type=authorization_code -d "code=$code" \
  -d "redirect_uri=$DREAMS/callback" -d "code_verifier=$verifier" "$AUTHSERVER/token")
grep -o '"authorization_details":.*' <<<"$tokens"
# §9: Acme tells that, and no budget, no company, no months.
token=$(json access_token <<<"$tokens")
curl -sSf -H "Authorization: Bearer $token" "$ACME/api/v1/me/preferences"; echo

# What it cannot do: write, or be asked for in words that nobody could explain to Alice.
curl -sS -X PUT -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d '{"interests":["beaches"]}' "$ACME/api/v1/me/preferences"; echo
curl -sS -u dreams-web:dreams-web-secret -d response_type=code -d client_id=dreams-web -d "redirect_uri=$DREAMS/callback" -d state=S1 \
  --data-urlencode 'authorization_details=[{"type":"payment_initiation","amount":"1000.00"}]' "$AUTHSERVER/par"; echo

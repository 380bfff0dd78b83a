#!/usr/bin/env bash
# Dynamic client registration, RFC 7591, and its management, RFC 7592
# An application that nobody here knows registers itself, reads Alice's preferences, and goes again.
# Start the programs first (make run), then paste this as it stands.
set -euo pipefail
AUTHSERVER=${AUTHSERVER_URL:-http://localhost:9000} ACME=${ACME_URL:-http://localhost:9001}

json() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; } # one string member of a JSON answer

# The browser, played by curl: it keeps cookies, and sends a form's hidden fields back.
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
browse() { curl -sSL -b "$jar" -c "$jar" "$@"; }
hidden() { grep -o "name=\"$1\" value=\"[^\"]*\"" <<<"$page" | head -n 1 | cut -d '"' -f 4; }

# RFC 8414 §2: the issuer's URL is all that has to be known.
register=$(curl -sSf "$AUTHSERVER/.well-known/openid-configuration" | json registration_endpoint)

# RFC 7591 §3.1: the application says what it is. A secret and a token to manage the registration come back, once.
client=$(curl -sSf -H 'Content-Type: application/json' "$register" \
  -d '{"client_name":"Travel Diary","redirect_uris":["https://diary.example/cb"],"grant_types":["authorization_code"],"scope":"openid preferences:read"}')
id=$(json client_id <<<"$client") secret=$(json client_secret <<<"$client")
manage=$(json registration_client_uri <<<"$client") access=$(json registration_access_token <<<"$client")

# From here on it is a client like any other: RFC 6749 §4.1. Alice is told that nobody has verified it.
verifier=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=\n')
page=$(browse "$AUTHSERVER/authorize?response_type=code&client_id=$id&redirect_uri=https://diary.example/cb&state=S1&scope=openid+preferences:read&code_challenge=$challenge&code_challenge_method=S256")
page=$(browse -d username=alice -d password=wanderlust --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/login")
grep -o 'Not verified' <<<"$page"
answer=$(curl -sS -b "$jar" -o /dev/null -w '%{redirect_url}' -d scope=preferences:read -d decision=allow \
  --data-urlencode "csrf=$(hidden csrf)" --data-urlencode "interaction=$(hidden interaction)" "$AUTHSERVER/consent")
code=$(sed -n 's/.*[?&]code=\([^&]*\).*/\1/p' <<<"$answer")
token=$(curl -sSf -u "$id:$secret" -d grant_type=authorization_code -d "code=$code" -d redirect_uri=https://diary.example/cb \
  -d "code_verifier=$verifier" "$AUTHSERVER/token" | json access_token)
curl -sSf -H "Authorization: Bearer $token" "$ACME/api/v1/me/preferences"; echo

# RFC 7592 §2.2: it changes its name. What an update leaves out is gone.
curl -sSf -X PUT -H "Authorization: Bearer $access" -H 'Content-Type: application/json' "$manage" \
  -d "{\"client_id\":\"$id\",\"client_name\":\"Travel Diary 2\",\"redirect_uris\":[\"https://diary.example/cb\"]}"; echo

# What it cannot do: have people sent into a script, have us call an address of our own network, manage another client.
curl -sS -H 'Content-Type: application/json' "$register" -d '{"redirect_uris":["javascript:alert(1)"]}'; echo
curl -sS -H 'Content-Type: application/json' "$register" -d '{"redirect_uris":["https://diary.example/cb"],"jwks_uri":"https://169.254.169.254/jwks"}'; echo
curl -sS -H "Authorization: Bearer $access" "$AUTHSERVER/register/dreams-web"; echo

# RFC 7592 §2.3: it goes, and everything that it was given goes with it.
curl -sSf -X DELETE -H "Authorization: Bearer $access" -o /dev/null -w '%{http_code}\n' "$manage"
curl -sS -H "Authorization: Bearer $token" "$AUTHSERVER/userinfo"; echo

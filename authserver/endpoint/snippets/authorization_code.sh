#!/bin/bash
# A person signs in and allows something (RFC 6749 §4.1, with PKCE, RFC 7636); then
# a first call in that person's name.
set -eu
«- if .Confidential»
: "${ACME_CLIENT_SECRET:?put the client secret into this variable}"
«- end»

encode() { base64 | tr '+/' '-_' | tr -d '=\n'; }
state=$(head -c 16 /dev/urandom | encode)
verifier=$(head -c 32 /dev/urandom | encode)
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | encode)

echo "Open this in a browser, sign in and allow:"
echo «sh .AuthorizeURL»"&state=$state&code_challenge=$challenge&code_challenge_method=S256"
echo "You land at an address that begins with "«sh .RedirectURI»". It need not load: copy it, paste it here."
read -r landed

parameter() { printf %s "${landed#*\?}" | tr '&' '\n' | sed -n "s/^$1=//p"; }
[ "$(parameter state)" = "$state" ] || { echo "this answer is not to our question" >&2; exit 1; }
code=$(parameter code)
[ -n "$code" ] || { echo "no code: $(parameter error)" >&2; exit 1; }

answer=$(curl -sS «sh .TokenURL» \
«- if .Confidential»
  -u «sh .ClientID»:"$ACME_CLIENT_SECRET" \
«- else»
  -d client_id=«sh .ClientID» \
«- end»
  -d grant_type=authorization_code -d code="$code" -d code_verifier="$verifier" \
  --data-urlencode redirect_uri=«sh .RedirectURI»)
token=$(printf %s "$answer" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
[ -n "$token" ] || { echo "no token: $answer" >&2; exit 1; }

curl -sS «sh .APIURL» -H "Authorization: Bearer $token"
echo

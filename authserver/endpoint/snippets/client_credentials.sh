#!/bin/bash
# A token for the application itself (RFC 6749 §4.4), and a first call with it.
set -eu
: "${ACME_CLIENT_SECRET:?put the client secret into this variable}"

answer=$(curl -sS «sh .TokenURL» \
  -u «sh .ClientID»:"$ACME_CLIENT_SECRET" \
  -d grant_type=client_credentials \
  --data-urlencode scope=«sh .Scope»)
token=$(printf %s "$answer" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
[ -n "$token" ] || { echo "no token: $answer" >&2; exit 1; }

curl -sS «sh .APIURL» -H "Authorization: Bearer $token"
echo

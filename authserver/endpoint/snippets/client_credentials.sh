#!/bin/bash
# A token for the application itself (RFC 6749 §4.4), and a first call with it.
set -eu
«- template "wants.sh" .»
«- if .Strict»

encode() { base64 | tr '+/' '-_' | tr -d '=\n'; }
«- template "sign.sh" .»
«- template "strict.sh" .»

post «sh .TokenURL» -d grant_type=client_credentials --data-urlencode scope=«sh .Scope»
«- else»

answer=$(curl -sS «sh .TokenURL» \
  -u «sh .ClientID»:"$ACME_CLIENT_SECRET" \
  -d grant_type=client_credentials \
  --data-urlencode scope=«sh .Scope»)
«- end»
«- template "call.sh" .»

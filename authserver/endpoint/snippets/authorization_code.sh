#!/bin/bash
# A person signs in and allows something (RFC 6749 §4.1, with PKCE, RFC 7636); then
# a first call in that person's name.
set -eu
«- template "wants.sh" .»

encode() { base64 | tr '+/' '-_' | tr -d '=\n'; }
«- if .Strict»«template "sign.sh" .»«template "strict.sh" .»
«end»
state=$(head -c 16 /dev/urandom | encode)
verifier=$(head -c 32 /dev/urandom | encode)
challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | encode)
«- if .PAR»

# RFC 9126: the request goes over the back channel, the browser carries a reference to it.
post «sh .PARURL»«if .Confidential» -d client_id=«sh .ClientID»«end» -d response_type=code --data-urlencode redirect_uri=«sh .RedirectURI» \
  --data-urlencode scope=«sh .Scope» -d state="$state" -d code_challenge="$challenge" -d code_challenge_method=S256
reference=$(printf %s "$answer" | sed -n 's/.*"request_uri":"\([^"]*\)".*/\1/p')
[ -n "$reference" ] || { echo "nothing was pushed: $answer" >&2; exit 1; }
«- end»

echo "Open this in a browser, sign in and allow:"
«- if .PAR»
echo «sh .AuthorizeURL»"&request_uri=$reference"
«- else»
echo «sh .AuthorizeURL»"&state=$state&code_challenge=$challenge&code_challenge_method=S256"
«- end»
echo "You land at an address that begins with "«sh .RedirectURI»". It need not load: copy it, paste it here."
read -r landed

parameter() { printf %s "${landed#*\?}" | tr '&' '\n' | sed -n "s/^$1=//p"; }
[ "$(parameter state)" = "$state" ] || { echo "this answer is not to our question" >&2; exit 1; }
code=$(parameter code)
[ -n "$code" ] || { echo "no code: $(parameter error)" >&2; exit 1; }

«if .Strict»post «sh .TokenURL» \
«- else»answer=$(curl -sS «sh .TokenURL» \
«- if .Confidential»
  -u «sh .ClientID»:"$ACME_CLIENT_SECRET" \
«- else»
  -d client_id=«sh .ClientID» \
«- end»
«- end»
  -d grant_type=authorization_code -d code="$code" -d code_verifier="$verifier" \
  --data-urlencode redirect_uri=«sh .RedirectURI»«if not .Strict»)«end»
«- template "call.sh" .»

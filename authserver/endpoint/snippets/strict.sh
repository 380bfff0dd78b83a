«- if or .Signs .DPoP»

# jws signs a header and claims (RFC 7515 §3.1) by one of the functions above, with the key in a file.
jws() {
  local input
  input=$(printf %s "$3" | encode).$(printf %s "$4" | encode)
  printf %s "$input.$(printf %s "$input" | "$1" "$2" | encode)"
}
«- end»
«- if .Signs»

# assertion says who we are (RFC 7523 §3): to this server alone, for a minute, once.
assertion() {
  local now
  now=$(date +%s)
  jws «.Sign» "$ACME_CLIENT_KEY" «sh .AssertionHeader» "$(printf '{"iss":"%s","sub":"%s","aud":"%s","iat":%d,"exp":%d,"jti":"%s"}' \
    «sh .ClientID» «sh .ClientID» «sh .Issuer» "$now" $((now + 60)) "$(head -c 16 /dev/urandom | encode)")"
}
«- end»
«- if .DPoP»

# A key of this run's own, that the token is bound to (RFC 9449): its public half goes along.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
openssl ecparam -name prime256v1 -genkey -noout -out "$dir/key"
point() { openssl ec -in "$dir/key" -pubout -outform DER 2>/dev/null | tail -c 64; }
jwk=$(printf '{"kty":"EC","crv":"P-256","x":"%s","y":"%s"}' "$(point | head -c 32 | encode)" "$(point | tail -c 32 | encode)")
nonce=""

# proof is for one request (RFC 9449 §4.2): its method, its address, and the token that goes along.
proof() {
  local more=""
  [ -z "$nonce" ] || more=",\"nonce\":\"$nonce\""
  [ -z "${3-}" ] || more="$more,\"ath\":\"$(printf %s "$3" | openssl dgst -sha256 -binary | encode)\""
  jws es256 "$dir/key" "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":$jwk}" "$(printf '{"jti":"%s","htm":"%s","htu":"%s","iat":%d%s}' \
    "$(head -c 16 /dev/urandom | encode)" "$1" "${2%%\?*}" "$(date +%s)" "$more")"
}

# ask sends a request with a proof, and once more with the nonce that the server wants in it (RFC 9449 §8).
ask() {
  local method=$1 url=$2 token=$3
  shift 3
  nonce=""
  for _ in 1 2; do
    answer=$(curl -sS "$url" -D "$dir/head" -H "DPoP: $(proof "$method" "$url" "$token")" "$@")
    nonce=$(tr -d '\r' <"$dir/head" | awk 'tolower($1) == "dpop-nonce:" { print $2 }')
    case $answer$(cat "$dir/head") in *use_dpop_nonce*) ;; *) break ;; esac
  done
}
«- end»

# post sends a form as this application; what comes back is $answer.
post() {
  local url=$1
  shift
  «if .DPoP»ask POST "$url" ""«else»answer=$(curl -sS "$url"«end»«template "auth.sh" .» "$@"«if not .DPoP»)«end»
}

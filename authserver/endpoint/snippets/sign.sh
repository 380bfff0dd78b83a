«- if or .DPoP (eq .Sign "es256")»

# ES256: the two numbers of the signature (RFC 7518 §3.4), out of the DER that openssl puts around them.
es256() {
  printf "$(openssl dgst -sha256 -sign "$1" | openssl asn1parse -inform DER | sed -n 's/.*INTEGER *://p' |
    while read -r n; do printf %64s "$n" | tr ' ' 0; done | sed 's/../\\x&/g')"
}
«- end»
«- if eq .Sign "rs256"»

rs256() { openssl dgst -sha256 -sign "$1"; } # RFC 7518 §3.3
«- else if eq .Sign "ps256"»

ps256() { openssl dgst -sha256 -sign "$1" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest; } # RFC 7518 §3.5
«- else if eq .Sign "ed25519"»

ed25519() { # RFC 8037 §3.1: openssl wants to read it twice
  local input
  input=$(mktemp)
  cat >"$input"
  openssl pkeyutl -sign -rawin -inkey "$1" -in "$input"
  rm -f "$input"
}
«- end»

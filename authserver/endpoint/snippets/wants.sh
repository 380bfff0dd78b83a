«- if .Signs»
: "${ACME_CLIENT_KEY:?put the name of the file with the private key, PEM, into this variable}"
«- else if .Confidential»
: "${ACME_CLIENT_SECRET:?put the client secret into this variable}"
«- end -»

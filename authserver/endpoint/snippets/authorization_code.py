# A person signs in and allows something (RFC 6749 §4.1, with PKCE, RFC 7636); then
# a first call in that person's name.«if .Strict»«if or .Signs .DPoP» It wants: pip install cryptography«end»
«pyimports . "base64" "hashlib" "http.server" "json" "os" "secrets" "urllib.error" "urllib.parse" "urllib.request"»
«- else»
import base64
import hashlib
import http.server
import json
import os
import secrets
import urllib.parse
import urllib.request
«- end»

ISSUER = «str .Issuer»
CLIENT_ID = «str .ClientID»
«- if .Confidential»
SECRET = os.environ["ACME_CLIENT_SECRET"]
«- end»
REDIRECT_URI = «str .RedirectURI»
«- if .Strict»«template "strict.py" .»

«end»
state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
answer = {}


class Callback(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path != «str .RedirectPath»:
            self.send_error(404)
            return
        answer.update(urllib.parse.parse_qsl(query))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Done: look at your terminal.")

    def log_message(self, *_):
        pass


server = http.server.HTTPServer((«str .ListenHost», «.Port»), Callback)
question = {
    "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": REDIRECT_URI,
    "scope": «str .Scope», "state": state,
    "code_challenge": challenge, "code_challenge_method": "S256",
}
«- if .PAR»
# RFC 9126: the request goes over the back channel, the browser carries a reference to it.
question = {"client_id": CLIENT_ID, "request_uri": member("request_uri", ask(«str .PARURL», question))}
«- end»
print("Open", ISSUER + "/authorize?" + urllib.parse.urlencode(question), flush=True)
while not answer:
    server.handle_request()
if answer.get("state") != state or answer.get("iss") != ISSUER:  # RFC 9700 §4.7, RFC 9207
    raise SystemExit("this answer is not to our question")
if "error" in answer:
    raise SystemExit(answer["error"] + ": " + answer.get("error_description", ""))

«if .Strict -»
token = member("access_token", ask(ISSUER + "/token", {
    "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": REDIRECT_URI, "code_verifier": verifier,
}))
print(ask(«str .APIURL», token=token))
«else -»
request = urllib.request.Request(ISSUER + "/token", data=urllib.parse.urlencode({
    "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": REDIRECT_URI,
    "code_verifier": verifier, "client_id": CLIENT_ID,
«- if .Confidential» "client_secret": SECRET,«- end»
}).encode())
with urllib.request.urlopen(request) as response:
    token = json.load(response)["access_token"]

request = urllib.request.Request(«str .APIURL», headers={"Authorization": "Bearer " + token})
with urllib.request.urlopen(request) as response:
    print(response.read().decode())
«end -»

«- if or .Signs .DPoP»


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(sign, header, claims):  # RFC 7515 §3.1
    text = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    return text + "." + encode(sign(text.encode()))
«- end»
«- if or .DPoP (eq .Sign "es256")»


def es256(key):
    def sign(text):  # RFC 7518 §3.4: the two numbers of the signature, without the DER around them
        r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return sign
«- end»
«- if .Signs»


with open(os.environ["ACME_CLIENT_KEY"], "rb") as file:  # PEM
    KEY = serialization.load_pem_private_key(file.read(), password=None)


def assertion():  # RFC 7523 §3: who we are, to this server alone, for a minute, once
    now = int(time.time())
«- if eq .Sign "es256"»
    sign = es256(KEY)
«- else if eq .Sign "rs256"»
    sign = lambda text: KEY.sign(text, padding.PKCS1v15(), hashes.SHA256())
«- else if eq .Sign "ps256"»
    sign = lambda text: KEY.sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256().digest_size), hashes.SHA256())
«- else»
    sign = KEY.sign
«- end»
    return signed(sign, json.loads(«str .AssertionHeader»), {
        "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": «str .Issuer», "iat": now, "exp": now + 60, "jti": secrets.token_urlsafe(16),
    })
«- end»
«- if .DPoP»


# A key of this run's own, that the token is bound to (RFC 9449): its public half goes along.
DPOP = ec.generate_private_key(ec.SECP256R1())
POINT = DPOP.public_key().public_numbers()
JWK = {"kty": "EC", "crv": "P-256", "x": encode(POINT.x.to_bytes(32, "big")), "y": encode(POINT.y.to_bytes(32, "big"))}


def proof(method, url, nonce, token):  # RFC 9449 §4.2: for one request
    claims = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url.partition("?")[0], "iat": int(time.time())}
    if nonce:
        claims["nonce"] = nonce
    if token:
        claims["ath"] = encode(hashlib.sha256(token.encode()).digest())
    return signed(es256(DPOP), {"typ": "dpop+jwt", "alg": "ES256", "jwk": JWK}, claims)
«- end»


def ask(url, form=None, token=None, nonce=None):
    headers, data = {}, None
    if token:
        headers["Authorization"] = "«if .DPoP»DPoP«else»Bearer«end» " + token
«- if .DPoP»
    headers["DPoP"] = proof("POST" if form else "GET", url, nonce, token)
«- end»
    if form:
«- if .Signs»
        identity = {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": assertion()}
        data = urllib.parse.urlencode({**form, "client_id": CLIENT_ID, **identity}).encode()
«- else if .Confidential»
        data = urllib.parse.urlencode({**form, "client_id": CLIENT_ID, "client_secret": SECRET}).encode()
«- else»
        data = urllib.parse.urlencode({**form, "client_id": CLIENT_ID}).encode()
«- end»
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers)) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as refusal:
        body = refusal.read().decode()
«- if .DPoP»
        if nonce is None and "use_dpop_nonce" in body + str(refusal.headers):  # RFC 9449 §8: once more, with the nonce
            return ask(url, form, token, refusal.headers["DPoP-Nonce"])
«- end»
        return body


def member(name, body):
    value = json.loads(body).get(name)
    if not value:
        raise SystemExit("no " + name + ": " + body)
    return value

"""Who signs a tenant's policies, by python3-jwcrypto."""
import base64
import json

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwcrypto import jwk, jws

from .service import b64url, make_certificate


class Signer:
    """A key with a certificate of its own, as signers of policies have it."""

    def __init__(self, name, key=None):
        self.key = key or rsa.generate_private_key(65537, 2048)
        self.certificate = make_certificate(name, self.key, name, self.key)
        self.pem = self.certificate.public_bytes(Encoding.PEM)
        self.x5c = [base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()]

    def sign(self, payload, algorithm="RS256"):
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        message = jws.JWS(json.dumps(payload).encode())
        message.allowed_algs = [algorithm]
        message.add_signature(jwk.JWK.from_pem(pem), protected=json.dumps({"alg": algorithm, "x5c": self.x5c}))
        return message.serialize(compact=True)

    def policy(self, text):
        return self.sign({"AttestationPolicy": b64url(text.encode())})

    def vouch(self, other):
        return self.sign({"maa-policyCertificate": {"kty": "RSA", "x5c": other.x5c}})

"""A second opinion on DCAP quotes, written from Intel's documents over python3-cryptography.

It shares no code with Caisson and none of its structure: it raises Refused at the first thing that is wrong, and returns
the platform's status and advisories where all signatures hold. What is wanted of the enclave is what Caisson asks by default.
"""
import datetime
import hashlib
import json
import re
import struct

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from .second import Refused, demand, element

INTEL_ROOT = "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
SGX_EXTENSION = x509.ObjectIdentifier("1.2.840.113741.1.13.1")
PREFIX = "2a864886f84d010d01"  # of the OIDs within it
ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")
ORDER = ["UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
         "OutOfDateConfigurationNeeded", "Revoked"]  # fmt: skip


def moment(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def ecdsa(key, signature, message):
    demand(len(signature) == 64, "signature size")
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    try:
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise Refused("signature") from error


def common_name(name):
    return name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value


def load_certificates(pem):
    """The certificates of a text that holds nothing else but white space."""
    parts = re.findall(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)
    demand(parts and re.sub(rb"\s", b"", pem) == re.sub(rb"\s", b"", b"".join(parts)), "certificates")
    try:
        return [x509.load_pem_x509_certificate(part) for part in parts]
    except BaseException as error:  # the library's own parser panics on some
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise Refused("certificate") from error
        raise


def read_chain(pem, names, root, when):
    """The certificates of a PEM text in the order of `names` (endings of common names), each signed by the next."""
    try:
        found = load_certificates(pem)
    except ValueError as error:
        raise Refused("certificates") from error
    chain = []
    for name in names:
        fitting = [each for each in found if common_name(each.subject).endswith(name)]
        demand(len(fitting) == 1, f"one certificate {name}")
        chain.append(fitting[0])
    demand(len(found) == len(names), "more certificates")
    der = chain[-1].public_bytes(serialization.Encoding.DER)
    demand(hashlib.sha256(der).hexdigest() == root, "root")
    for child, parent in zip(chain, chain[1:] + chain[-1:]):
        check_issued(child, parent, child.tbs_certificate_bytes)
        demand(child.not_valid_before <= when <= child.not_valid_after, "certificate's time")
    return chain


def check_issued(signed, parent, body):
    """`body` is what is signed; the algorithm that stands outside of it is not, and has to be looked at."""
    _, whole, _ = element(signed.public_bytes(serialization.Encoding.DER))
    _, algorithm, _ = element(whole[len(body):])
    demand(algorithm == ECDSA_SHA256, "algorithm")
    demand(signed.issuer == parent.subject, "issuer")
    try:
        parent.public_key().verify(signed.signature, body, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise Refused("a certificate's or list's signature") from error


def read_crl(der, issuer, when):
    try:
        crl = x509.load_der_x509_crl(der)
    except ValueError as error:
        raise Refused("revocation list") from error
    check_issued(crl, issuer, crl.tbs_certlist_bytes)
    demand(crl.last_update <= when <= crl.next_update, "revocation list's time")
    return crl


def signed_document(collateral, name, signer, when):
    text = collateral[name].encode()
    ecdsa(signer.public_key(), bytes.fromhex(collateral[name + "_signature"]), text)
    document = json.loads(text)
    demand(moment(document["issueDate"]) <= when <= moment(document["nextUpdate"]), name + "'s time")
    return document


def pck_values(certificate):
    """OID (its last bytes, in hexadecimal) to value, of Intel's extension."""
    values = {}

    def walk(data):
        while data:
            _, pair, data = element(data)
            _, oid, rest = element(pair)
            tag, value, _ = element(rest)
            demand(oid.hex().startswith(PREFIX), "OID")
            if tag == 0x30:
                walk(value)
            else:
                values[oid.hex()[len(PREFIX):]] = value
    walk(element(certificate.extensions.get_extension_for_oid(SGX_EXTENSION).value.value)[1])
    return values


def masked(value, mask, wanted):
    return bytes(a & b for a, b in zip(value, mask)) == wanted


class Quote:
    def __init__(self, data):
        demand(len(data) >= 436, "cut")
        self.version, kind, self.tee = struct.unpack_from("<HHI", data)
        demand(kind == 2 and data[12:28].hex() == "939a7233f79c4ca9940a0db3957f0607", "key type or vendor")
        at, size = 48, 384
        if self.version == 3:
            demand(self.tee == 0, "TEE")
        elif self.version == 4:
            demand(self.tee in (0, 0x81), "TEE")
            size = 584 if self.tee else 384
        else:
            demand(self.version == 5, "version")
            body, size = struct.unpack_from("<HI", data, 48)
            demand((body, size, self.tee) in ((1, 384, 0), (2, 584, 0x81), (3, 648, 0x81)), "body")
            at = 54
        if self.version > 3:
            demand(data[8:12] == bytes(4), "reserved")
        self.body, self.signed = data[at:at + size], data[:at + size]
        rest = self.take(data[at + size:], 4)
        demand(not any(rest[1]), "trailing bytes")
        self.signature, self.key, rest = rest[0][:64], rest[0][64:128], rest[0][128:]
        if self.version > 3:
            demand(rest[:2] == b"\x06\x00", "certification data")
            rest, after = self.take(rest[2:], 4)
            demand(not after, "bytes after")
        self.qe, self.qe_signature = rest[:384], rest[384:448]
        self.authentication, rest = self.take(rest[448:], 2)
        self.certification, = struct.unpack_from("<H", rest.ljust(2, b"\0"))
        self.certificates, after = self.take(rest[2:], 4)
        demand(not after, "bytes after")

    @staticmethod
    def take(data, width):
        """What a length of so many bytes counts, and what follows."""
        demand(len(data) >= width, "cut")
        size = int.from_bytes(data[:width], "little")
        demand(len(data) >= width + size, "cut")
        return data[width:width + size], data[width + size:]


def check_quoting_enclave(quote, identity):
    report = quote.qe
    key = hashlib.sha256(quote.key + quote.authentication).digest()
    demand(report[320:384] == key + bytes(32), "the QE's report data")
    for place, name in ((16, "miscselect"), (48, "attributes")):
        wanted, mask = (bytes.fromhex(identity[each]) for each in (name, name + "Mask"))
        demand(masked(report[place:place + len(mask)], mask, wanted), "the QE's " + name)
    demand(report[128:160] == bytes.fromhex(identity["mrsigner"]), "the QE's signer")
    demand(struct.unpack_from("<H", report, 256)[0] == identity["isvprodid"], "the QE's product")
    svn, = struct.unpack_from("<H", report, 258)
    fitting = [level for level in identity["tcbLevels"] if svn >= level["tcb"]["isvsvn"]]
    demand(fitting, "no level for the QE")
    return fitting[0]


def platform_level(quote, info, values):
    components = [int.from_bytes(values[f"02{n:02x}"], "big") for n in range(1, 17)]
    pcesvn = int.from_bytes(values["0211"], "big")
    tdx = quote.body[:16] if quote.tee else None

    def fits(level):
        tcb = level["tcb"]
        if any(a < b["svn"] for a, b in zip(components, tcb["sgxtcbcomponents"])) or pcesvn < tcb["pcesvn"]:
            return False
        # With a module of its own identity the first two components are that module's.
        first = 2 if tdx and tdx[1] else 0
        return not tdx or all(a >= b["svn"] for a, b in list(zip(tdx, tcb["tdxtcbcomponents"]))[first:])
    fitting = [level for level in info["tcbLevels"] if fits(level)]
    demand(fitting, "no level for the platform")
    return fitting[0]


def module_level(quote, info):
    """What the TDX module is: of its own identity where its version is above 0, else of the document's."""
    version = quote.body[1]
    module, levels = info["tdxModule"], None
    if version:
        fitting = [each for each in info["tdxModuleIdentities"] if each["id"] == f"TDX_{version:02X}"]
        demand(len(fitting) == 1, "no identity for the TDX module")
        module, levels = fitting[0], fitting[0]["tcbLevels"]
    demand(quote.body[64:112].hex() == module["mrsigner"].lower(), "the TDX module's signer")
    demand(masked(quote.body[112:120], bytes.fromhex(module["attributesMask"]), bytes.fromhex(module["attributes"])),
           "the TDX module's attributes")
    if levels is None:
        return []
    fitting = [level for level in levels if quote.body[0] >= level["tcb"]["isvsvn"]]
    demand(fitting, "no level for the TDX module")
    return fitting[:1]


def merge(platform, parts):
    """An outdated enclave or module makes the platform outdated, beside what it is already."""
    status = platform
    for part in parts:
        if part == "Revoked":
            status = part
        elif part == "OutOfDate" and status != "Revoked":
            status = "OutOfDateConfigurationNeeded" if status.startswith("Configuration") or \
                status == "OutOfDateConfigurationNeeded" else "OutOfDate"
        else:
            status = max(status, part, key=ORDER.index)
    return status


def check_wishes(quote):
    if quote.tee:
        attributes, = struct.unpack_from("<Q", quote.body, 120)
        demand(not attributes & 1, "debug")
        demand(attributes & 1 << 28, "SEPT_VE_DISABLE")
        demand(not attributes & 1 << 29, "migratable")
    else:
        attributes, = struct.unpack_from("<Q", quote.body, 48)
        demand(attributes & 1 and not attributes & 2, "not initialized, or debug")


def verify(data, collateral, when, root=INTEL_ROOT):
    """(status, advisories, what the report itself lacks or None) of a quote whose signatures hold; else Refused."""
    when = moment(when)
    try:
        return judge(data, collateral, when, root)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, struct.error, x509.ExtensionNotFound,
            UnsupportedAlgorithm) as error:
        raise Refused(f"malformed: {error!r}") from error


def judge(data, collateral, when, root):
    quote = Quote(data)
    authorities = collateral["pck_crl_issuer_chain"].encode()
    kind = "Platform CA" if any(b"Platform CA" in name for name in names_in(authorities)) else "Processor CA"
    authority, _ = read_chain(authorities, [kind, "Root CA"], root, when)
    signer, top = read_chain(collateral["tcb_info_issuer_chain"].encode(), ["TCB Signing", "Root CA"], root, when)
    qe_signer, _ = read_chain(collateral["qe_identity_issuer_chain"].encode(), ["TCB Signing", "Root CA"], root, when)
    root_crl = read_crl(bytes.fromhex(collateral["root_ca_crl"]), top, when)
    pck_crl = read_crl(bytes.fromhex(collateral["pck_crl"]), authority, when)
    for each in (authority, signer, qe_signer):
        demand(root_crl.get_revoked_certificate_by_serial_number(each.serial_number) is None, "revoked authority")
    info = signed_document(collateral, "tcb_info", signer, when)
    identity = signed_document(collateral, "qe_identity", qe_signer, when)
    demand((info["id"], info["version"]) == ("TDX" if quote.tee else "SGX", 3), "kind of TCB info")
    demand((identity["id"], identity["version"]) == ("TD_QE" if quote.tee else "QE", 2), "kind of QE identity")
    demand(quote.certification == 5, "no certificates in the quote")
    text = quote.certificates.rstrip(b"\0")
    pck, issuer, _ = read_chain(text, ["PCK Certificate", common_name(authority.subject), "Root CA"], root, when)
    demand(issuer.public_bytes(serialization.Encoding.DER) == authority.public_bytes(serialization.Encoding.DER) or
           issuer.public_key() == authority.public_key(), "another authority")
    demand(pck_crl.get_revoked_certificate_by_serial_number(pck.serial_number) is None, "revoked platform")
    ecdsa(pck.public_key(), quote.qe_signature, quote.qe)
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + quote.key)
    ecdsa(point, quote.signature, quote.signed)
    values = pck_values(pck)
    demand(values["04"].hex() == info["fmspc"].lower() and values["03"].hex() == info["pceId"].lower(), "another platform")
    qe = check_quoting_enclave(quote, identity)
    modules = module_level(quote, info) if quote.tee else []
    platform = platform_level(quote, info, values)
    levels = [platform, qe, *modules]
    advisories = {each for level in levels for each in level.get("advisoryIDs", [])}
    status = merge(platform["tcbStatus"], [level["tcbStatus"] for level in (qe, *modules)])
    try:
        check_wishes(quote)
    except Refused as refusal:
        return status, advisories, str(refusal)
    return status, advisories, None


def names_in(pem):
    return [common_name(each.subject).encode() for each in load_certificates(pem)]

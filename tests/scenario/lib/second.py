"""A second opinion on SEV-SNP reports, written from AMD's specifications over python3-cryptography.

It shares no code with Caisson and none of its structure: it raises Refused at the first thing that is wrong, and
returns the names of nothing. Appraisal is what Caisson asks for by default.
"""
import datetime
import hashlib
import struct
import warnings

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

warnings.simplefilter("ignore")  # a VCEK's serial number is 0, which the library deplores

AMD = "1.3.6.1.4.1.3704.1."
ARKS = ("69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
        "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
        "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a")  # fmt: skip
N = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973
# RSASSA-PSS-params of RFC 4055: SHA-384 and MGF1 with SHA-384 (parameters NULL or absent), salt 48, trailer 1 or absent.
SHA384 = {bytes.fromhex("300d06096086480165030402020500"), bytes.fromhex("300b0609608648016503040202")}
SUBJECT_KEY_USAGE = {x509.ExtensionOID.BASIC_CONSTRAINTS, x509.ExtensionOID.KEY_USAGE}


class Refused(Exception):
    pass


def demand(condition, why):
    if not condition:
        raise Refused(why)


def element(data):
    """(tag, content, rest) of the first DER element."""
    demand(len(data) >= 2, "cut DER")
    tag, size, at = data[0], data[1], 2
    if size & 0x80:
        count = size & 0x7F
        demand(0 < count <= 3 and len(data) >= 2 + count, "cut DER")
        size, at = int.from_bytes(data[2:2 + count], "big"), 2 + count
    demand(len(data) >= at + size, "cut DER")
    return tag, data[at:at + size], data[at + size:]


def check_pss(signed):
    """`signed` is a SEQUENCE of what is signed, the algorithm and the signature."""
    _, body, _ = element(signed)
    _, _, rest = element(body)
    _, algorithm, _ = element(rest)
    tag, oid, parameters = element(algorithm)
    demand(tag == 6 and oid.hex() == "2a864886f70d01010a", "not RSASSA-PSS")
    _, fields, _ = element(parameters)
    found = {}
    while fields:
        tag, content, fields = element(fields)
        found[tag] = content
    demand(found.get(0xA0) in SHA384, "PSS by another digest")
    _, mask, _ = element(found.get(0xA1, b""))
    _, oid, inner = element(mask)
    demand(oid.hex() == "2a864886f70d010108" and inner in SHA384, "PSS by another mask")
    demand(found.get(0xA2) == b"\x02\x01\x30" and found.get(0xA3, b"\x02\x01\x01") == b"\x02\x01\x01", "PSS by another salt")


def check_signed(der, to_be_signed, signature, issuer):
    check_pss(der)
    key = issuer.public_key()
    demand(isinstance(key, rsa.RSAPublicKey) and key.key_size == 4096, "the issuer's key is not RSA-4096")
    try:
        key.verify(signature, to_be_signed, padding.PSS(padding.MGF1(hashes.SHA384()), 48), hashes.SHA384())
    except InvalidSignature as error:
        raise Refused("a certificate's signature") from error


def common_name(certificate):
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    demand(len(names) == 1, "not one common name")
    return names[0].value


def check_certificate(certificate, der, issuer, when, is_ca):
    demand(certificate.issuer == issuer.subject, "another issuer is named")
    check_signed(der, certificate.tbs_certificate_bytes, certificate.signature, issuer)
    demand(certificate.not_valid_before <= when <= certificate.not_valid_after, "not valid at this time")
    for extension in certificate.extensions:
        demand(not extension.critical or extension.oid in SUBJECT_KEY_USAGE, "an unknown critical extension")
    if is_ca:
        demand(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca, "not an authority")
        demand(certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign, "may not sign certificates")


def check_crl(der, ark, intermediate, when):
    crl = x509.load_der_x509_crl(der)
    demand(crl.issuer == ark.subject, "the list is another's")
    check_signed(der, crl.tbs_certlist_bytes, crl.signature, ark)
    demand(crl.get_revoked_certificate_by_serial_number(intermediate.serial_number) is None, "revoked")
    demand(crl.next_update is not None and crl.last_update <= when <= crl.next_update, "the list is not current")


def extension_of(leaf, oid):
    found = [extension.value.value for extension in leaf.extensions
             if extension.oid.dotted_string == AMD + oid]
    return found[0] if len(found) == 1 else None


def small_integer(leaf, oid):
    value = extension_of(leaf, oid)
    demand(value is not None and value[:1] == b"\x02", f"no integer {oid}")
    _, content, rest = element(value)
    demand(not rest and 0 <= int.from_bytes(content, "big") < 256, f"no small integer {oid}")
    return int.from_bytes(content, "big")


def product_of_cpuid(family, model):
    if family == 0x19:
        return "Milan" if model < 0x10 else "Genoa" if model < 0x20 or 0xA0 <= model < 0xB0 else None
    return "Turin" if family == 0x1A and model <= 0x11 else None


def check_report_alone(report):
    demand(len(report) == 1184, "not 1184 bytes")
    version, = struct.unpack_from("<I", report)
    demand(2 <= version <= 5, "an unknown version")
    zeros = [(0x4C, 0x50), (0x18B if version > 2 else 0x188, 0x1A0), (0x1EB, 0x1EC), (0x1EF, 0x1F0),
             (0x208 if version > 4 else 0x1F8, 0x2A0), (0x2A0 + 48, 0x2E8), (0x2E8 + 48, 0x4A0)]  # fmt: skip
    for start, end in zeros:
        demand(not any(report[start:end]), f"reserved bytes at {start:#x}")
    demand(struct.unpack_from("<I", report, 0x34) == (1,), "another algorithm")
    return version


def check_signature(report, leaf):
    r, s = (int.from_bytes(report[at:at + 72], "little") for at in (0x2A0, 0x2E8))
    demand(0 < r < N and 0 < s < N, "r or s out of range")
    key = leaf.public_key()
    demand(isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp384r1", "not a key on P-384")
    try:
        key.verify(utils.encode_dss_signature(r, s), report[:0x2A0], ec.ECDSA(hashes.SHA384()))
    except InvalidSignature as error:
        raise Refused("the report's signature") from error


def check_agreement(report, version, leaf, names):
    """Names, kinds of key, product, TCB and chip."""
    is_vlek = names[0] == "SEV-VLEK"
    kind = struct.unpack_from("<I", report, 0x48)[0] >> 2 & 7
    demand(kind == (1 if is_vlek else 0), "the report was signed by another kind of key")
    value = extension_of(leaf, "2")
    demand(value is not None and value[:1] == b"\x16", "no product")
    product = element(value)[1].decode("ascii", "replace").split("-")[0]
    expected = ["SEV-VLEK", f"SEV-VLEK-{product}"] if is_vlek else ["SEV-VCEK", f"SEV-{product}"]
    demand(names == expected + [f"ARK-{product}"], "names that do not belong together")
    chip = report[0x1A0:0x1E0]
    if version > 2:
        demand(product_of_cpuid(report[0x188], report[0x189]) == product, "another product")
    elif any(chip) and not any(chip[8:]):
        demand(product == "Turin", "another product")
    turin = product == "Turin"
    demand(small_integer(leaf, "1") == (1 if turin else 0), "another structVersion")
    parts = {"9": 0, "1": 1, "2": 2, "3": 3, "8": 7} if turin else {"1": 0, "2": 1, "3": 6, "8": 7}
    tcb = bytearray(8)
    for part, at in parts.items():
        tcb[at] = small_integer(leaf, "3." + part)
    demand(bytes(tcb) == report[0x180:0x188], "another TCB")
    hwid = extension_of(leaf, "4")
    if is_vlek:
        demand(hwid is None and extension_of(leaf, "5") is not None, "a VLEK with a chip")
        return
    size = 8 if turin else 64
    if hwid is not None and len(hwid) == size + 2 and hwid[:2] == bytes((4, size)):
        hwid = hwid[2:]
    demand(hwid is not None and len(hwid) == size, "no chip in the leaf")
    demand(chip == hwid.ljust(64, b"\0"), "another chip")


def appraise(report):
    policy, = struct.unpack_from("<Q", report, 8)
    demand(policy >> 17 & 1 and not policy >> 26, "an impossible policy")
    demand(not policy >> 19 & 1, "debugging")
    demand(not policy >> 18 & 1, "a migration agent")
    demand(struct.unpack_from("<I", report, 0x30) == (0,), "another VMPL")
    current, reported, committed, launch = (report[at:at + 8] for at in (0x38, 0x180, 0x1E0, 0x1F0))
    demand(all(a >= b for a, b in zip(committed, current)), "provisional firmware")
    demand(all(a >= b for a, b in zip(launch, reported)), "launched under older firmware")


def verify(report, ders, when, root=None, crl=None):
    """`ders` is leaf, intermediate, root; `root` the SHA-256 of one that is trusted besides AMD's. Raises Refused."""
    when = datetime.datetime.strptime(when, "%Y-%m-%dT%H:%M:%SZ")
    version = check_report_alone(report)
    try:
        leaf, middle, ark = (x509.load_der_x509_certificate(der) for der in ders)
        digest = hashlib.sha256(ark.public_bytes(serialization.Encoding.DER)).hexdigest()
        demand(digest in ARKS or digest == root, "a root that nobody trusts")
        check_certificate(ark, ders[2], ark, when, True)
        check_certificate(middle, ders[1], ark, when, True)
        check_certificate(leaf, ders[0], middle, when, False)
        if crl:
            check_crl(crl, ark, middle, when)
        names = [common_name(certificate) for certificate in (leaf, middle, ark)]
    except (ValueError, x509.ExtensionNotFound) as error:
        raise Refused(f"not what it should be: {error}") from error
    check_signature(report, leaf)
    check_agreement(report, version, leaf, names)
    appraise(report)

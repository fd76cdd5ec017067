#!/usr/bin/python3
"""`caisson measure guest` and `caisson verify` as a user runs them, on evidence of a simulated machine.

usage: test_verify.py CAISSON MAKE_EVIDENCE        (TAP on standard output)
"""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile

from lib import policies

CAISSON, MAKE_EVIDENCE = (os.path.abspath(path) for path in sys.argv[1:3])
NONCE = "00112233445566778899aabbccddeeff"
NOW = "2026-06-01T00:00:00Z"


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)


def make_guest():
    """Three files and a manifest as scripts/build-guest leaves them."""
    files = {"vmlinux": b"kernel" * 9999, "bzImage": b"packed kernel", "initrd": b"initrd" * 77}
    for name, data in files.items():
        write(f"guest/{name}", data)
    manifest = {
        "caisson_guest": 1,
        "cmdline": {"simulated": "quiet caisson.tee=simulated", "sev-snp": "quiet caisson.tee=sev-snp"},
        "files": {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
                  for name, data in files.items()},
        "initrd": {},
        "packages": [],
    }
    write("guest/manifest.json", json.dumps(manifest, indent=2).encode())


def verify(*extra, bundle="bundle.json", policy="policy", nonce=NONCE, guest="guest/manifest.json", trust=True):
    trusted = ["--trust-simulated", "psp"] if trust else []
    return run(CAISSON, "verify", bundle, "--nonce", nonce, "--policy", policy, "--guest", guest,
               "--at", NOW, *trusted, *extra)


def prepare():
    os.mkdir("guest")
    make_guest()
    write("policy", b"package policy\n")
    made = run(MAKE_EVIDENCE, "psp", "guest/manifest.json", "policy", NONCE, "2")
    assert made.returncode == 0, made.stderr
    write("bundle.json", made.stdout)


def expect_refused(result, check):
    text = result.stdout.decode()
    assert result.returncode == 1, (result.returncode, text, result.stderr)
    assert f"refused by {check}" in text, text
    assert "remedy" in text, text


def test_measure_guest_is_stable_and_complete():
    first = run(CAISSON, "measure", "guest", "guest")
    assert first.returncode == 0, first.stderr
    once = read("guest/manifest.json")
    for operand in ("guest", "guest/manifest.json"):
        assert run(CAISSON, "measure", "guest", operand).returncode == 0, operand
        assert read("guest/manifest.json") == once
    entries = json.loads(once)["measurements"]
    assert [entry["vcpus"] for entry in entries] == list(range(1, 65))
    assert {entry["tee"] for entry in entries} == {"simulated"}, "there is no firmware here"


def test_measure_guest_refuses_a_file_that_is_not_the_manifests():
    initrd = read("guest/initrd")
    manifest = read("guest/manifest.json")
    write("guest/initrd", initrd + b"x")
    result = run(CAISSON, "measure", "guest", "guest")
    write("guest/initrd", initrd)
    assert result.returncode == 1 and b"initrd" in result.stderr, result.stderr
    assert read("guest/manifest.json") == manifest


def test_accepts_good_evidence_and_says_simulated():
    result = verify()
    text = result.stdout.decode()
    assert result.returncode == 0, text
    assert text.count("SIMULATED") >= 3 and "accepted (SIMULATED)" in text, text
    assert "2 CPUs" in text and "computed here" in text, text
    assert "FAIL" not in text


def test_json_says_the_same():
    result = verify("--json")
    document = json.loads(result.stdout)
    assert result.returncode == 0
    assert document["verdict"] == "accepted" and document["simulated"] is True
    assert "SIMULATED" in document["warning"] and document["vcpus"] == 2
    assert all(check["result"] != "failed" for check in document["checks"])
    refused = verify("--json", nonce="00")
    document = json.loads(refused.stdout)
    assert refused.returncode == 1
    assert document["verdict"] == "refused" and document["refused_by"] == "report_data"


ISSUER, FEED = "did:x509:0:sha256:AAAA::eku:1.2", "registry.example/side"


def make_with_fragment(path, feed=FEED):
    made = run(MAKE_EVIDENCE, "psp", "guest/manifest.json", "policy", NONCE, "2", ISSUER, feed, "5")
    assert made.returncode == 0, made.stderr
    write(path, made.stdout)


def test_shows_the_fragments_that_were_loaded():
    make_with_fragment("fragment.json")
    result = verify(bundle="fragment.json")
    text = result.stdout.decode()
    assert result.returncode == 0, text
    assert "skip  fragments                1 loaded" in text, text
    assert f"\nfragment: feed {FEED}, svn 5, sha256 {'01' * 32}, of {ISSUER}\n" in text, text
    document = json.loads(verify("--json", bundle="fragment.json").stdout)
    assert document["fragments"] == [{"issuer": ISSUER, "feed": FEED, "svn": "5", "sha256": "01" * 32}], document
    assert "fragments" not in json.loads(verify("--json").stdout)
    assert "pass  fragments                none loaded" in verify().stdout.decode()


def test_accepts_the_fragments_that_are_demanded():
    make_with_fragment("fragment.json")
    for words in (f"feed={FEED}", f"feed={FEED},min-svn=5", f"min-svn=4,issuer={ISSUER},feed={FEED}", f"sha256={'01' * 32}"):
        result = verify("--fragment", words, "--no-other-fragments", bundle="fragment.json")
        assert result.returncode == 0 and b"pass  fragments" in result.stdout, (words, result)
    assert verify("--no-other-fragments").returncode == 0


def test_refuses_fragments_that_differ():
    make_with_fragment("fragment.json")
    for words in ("feed=registry.example/other", f"feed={FEED},min-svn=6", f"feed={FEED},min-svn=5.0.0",
                  f"feed={FEED},issuer=did:x509:0:sha256:BBBB::eku:1.2", f"sha256={'01' * 31 + '02'}"):
        expect_refused(verify("--fragment", words, bundle="fragment.json"), "fragments")
    expect_refused(verify("--no-other-fragments", bundle="fragment.json"), "fragments")
    expect_refused(verify("--fragment", f"feed={FEED}", "--fragment", "feed=x", bundle="fragment.json"), "fragments")
    expect_refused(verify("--fragment", f"feed={FEED}"), "fragments")
    bundle = json.loads(read("fragment.json"))
    said = base64.b64decode(bundle["runtime_data"])
    for change in (said.replace(b'"svn":"5"', b'"svn":"6"'), said[:said.index(b',"fragments"')] + b"}"):
        bundle["runtime_data"] = base64.b64encode(change).decode()
        write("changed.json", json.dumps(bundle).encode())
        expect_refused(verify(bundle="changed.json"), "report_data")


def test_a_fragments_name_adds_no_line():
    make_with_fragment("fragment.json", feed="x\naccepted\n\x1b[2J")
    result = verify("--no-other-fragments", bundle="fragment.json")
    expect_refused(result, "fragments")
    assert b"\naccepted" not in result.stdout and b"\x1b" not in result.stdout, result.stdout


def test_words_of_fragments_that_say_nothing_are_usage():
    for words in ("", "feed=", "feed", "x=y", f"feed={FEED},", f"feed={FEED},feed={FEED}", "issuer=i", "min-svn=5",
                  f"feed={FEED},min-svn=x", f"feed={FEED},min-svn=1.2", "sha256=00", f"sha256={'0g' * 32}",
                  f"{ISSUER}:{FEED}:5"):
        result = verify("--fragment", words)
        assert result.returncode == 2 and b"--fragment" in result.stderr, (words, result)
    result = verify(*["--fragment", "feed=f"] * 65)
    assert result.returncode == 2 and b"at most 64" in result.stderr, result


def test_refuses_without_the_root():
    result = verify(trust=False)
    expect_refused(result, "root")
    assert b"SIMULATED" in result.stdout


def test_refuses_another_nonce():
    expect_refused(verify(nonce=NONCE[:-1] + "e"), "report_data")


def test_refuses_a_policy_that_differs_by_one_character():
    write("other", b"package policy ")
    expect_refused(verify(policy="other"), "host_data")


def test_refuses_a_policy_that_allows_everything_unless_told():
    write("all", b'package policy\nmount_device := {"allowed": true}\n')
    made = run(MAKE_EVIDENCE, "psp", "guest/manifest.json", "all", NONCE, "2")
    assert made.returncode == 0, made.stderr
    write("all.json", made.stdout)
    refused = verify(bundle="all.json", policy="all")
    assert refused.returncode == 1 and b"ALLOW-ALL" in refused.stderr, refused
    accepted = verify("--insecure-allow-all", bundle="all.json", policy="all")
    assert accepted.returncode == 0, accepted
    assert b"ALLOW-ALL" in accepted.stdout and b"ALLOW-ALL" in accepted.stderr, accepted
    claims = json.loads(verify("--insecure-allow-all", "--json", bundle="all.json", policy="all").stdout)
    assert claims["allow_all"] is True, claims


def test_tells_which_services_and_secrets_the_policy_names():
    secret = {"container": 0, "path": "/run/secrets/db", "resource": "default/secret/db", "service": 1}
    said = {"api": True, "secrets": [secret, {**secret, "path": "/key", "resource": "app/key/one"},
                                     {**secret, "path": "/c", "resource": "caisson/security-context/host-amd-cert-base64"}],
            "services": [{"roots": "PEM", "url": f"https://{name}.example"} for name in ("maa", "kbs")]}
    text = policies.policy([policies.container(["00" * 32], command=["/bin/db"])])
    said = json.dumps(said, separators=(",", ":")).encode()
    write("secrets", text.replace(b"\nreason := ", b"\ncaisson_attestation := " + said + b"\n\nreason := "))
    made = run(MAKE_EVIDENCE, "psp", "guest/manifest.json", "secrets", NONCE, "2")
    assert made.returncode == 0, made.stderr
    write("secrets.json", made.stdout)
    result = verify(bundle="secrets.json", policy="secrets")
    line = ("\nservices: https://maa.example, https://kbs.example (default/secret/db, app/key/one); "
            "every container may ask them for more\n")
    assert result.returncode == 0 and line in result.stdout.decode(), result
    claims = json.loads(verify("--json", bundle="secrets.json", policy="secrets").stdout)
    assert claims["services"] == [
        {"url": "https://maa.example", "secrets": [], "api": True},
        {"url": "https://kbs.example", "secrets": ["default/secret/db", "app/key/one"], "api": True}], claims
    assert b"services" not in verify().stdout and "services" not in json.loads(verify("--json").stdout)


def test_refuses_another_guest():
    manifest = json.loads(read("guest/manifest.json"))
    manifest["files"]["initrd"]["sha256"] = "00" * 32
    write("other.json", json.dumps(manifest).encode())
    expect_refused(verify(guest="other.json"), "measurement")


def test_a_list_in_the_manifest_does_not_stand_for_its_files():
    """The launch digests of simulated machines are computed, not looked up."""
    measured = json.loads(read("guest/manifest.json"))
    measured["cmdline"]["simulated"] += " init=/bin/sh"
    write("other.json", json.dumps(measured).encode())
    expect_refused(verify(guest="other.json"), "measurement")


def test_refuses_a_changed_report():
    bundle = json.loads(read("bundle.json"))
    report = bytearray(base64.b64decode(bundle["report"]))
    report[0x90] ^= 1
    bundle["report"] = base64.b64encode(report).decode()
    write("changed.json", json.dumps(bundle).encode())
    expect_refused(verify(bundle="changed.json"), "signature")


def test_refuses_evidence_that_calls_itself_real():
    bundle = json.loads(read("bundle.json"))
    bundle["tee"] = "sev-snp"
    write("real.json", json.dumps(bundle).encode())
    manifest = json.loads(read("guest/manifest.json"))
    manifest["measurements"] = [{"tee": "sev-snp", "vcpu_type": "EPYC-Milan", "vcpus": 1, "digest": "00" * 48}]
    write("snp.json", json.dumps(manifest).encode())
    result = verify(bundle="real.json", guest="snp.json")
    assert result.returncode == 1 and b"SIMULATED" in result.stdout
    assert b"FAIL  tee" in result.stdout, result.stdout


def test_refuses_a_root_that_does_not_call_itself_simulated():
    os.makedirs("real", exist_ok=True)
    chain = read("psp/chain.pem").decode()
    pem = chain.replace("SIMULATED", "GENUINE")  # nothing to replace in base64: a plain copy of three
    write("real/ark.pem", pem.encode())
    result = run(CAISSON, "verify", "bundle.json", "--nonce", NONCE, "--policy", "policy", "--guest",
                 "guest/manifest.json", "--trust-simulated", "real")
    assert result.returncode == 1 and b"not the one root certificate" in result.stderr, result.stderr


def test_malformed_bundles_are_refused_and_usage_is_usage():
    write("broken.json", read("bundle.json")[:-10])
    assert verify(bundle="broken.json").returncode == 1
    assert verify(bundle="missing.json").returncode == 3
    assert verify(nonce="xyz").returncode == 2
    assert verify(nonce="").returncode == 2
    assert verify("--at", "yesterday").returncode == 2
    assert run(CAISSON, "verify", "bundle.json").returncode == 2
    assert run(CAISSON, "verify").returncode == 2


def dom_of(page):
    """The document as a browser has it after loading the page: what a script would have changed shows."""
    profile = tempfile.mkdtemp(dir=".")
    result = run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
                 "--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}",
                 "--dump-dom", "file://" + os.path.abspath(page))  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.decode()


def test_page_shows_the_verdict_in_a_browser():
    accepted = verify("--html", "accepted.html")
    assert accepted.returncode == 0, accepted.stderr
    dom = dom_of("accepted.html")
    assert "<h1>Verdict on this evidence bundle</h1>" in dom
    assert dom.count('<li class="passed">') == 7, dom
    assert "Accepted (SIMULATED)" in dom and 'class="simulated"' in dom
    rows = dom.count('<th scope="row">')
    assert rows == len(json.loads(verify("--json").stdout)["checks"]), rows


def test_page_shows_a_refusal_and_runs_nothing_of_the_hosts():
    bundle = json.loads(read("bundle.json"))
    bundle["guest"]["cmdline"] = "</td><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
    write("hostile.json", json.dumps(bundle).encode())
    refused = verify("--html", "refused.html", bundle="hostile.json")
    assert refused.returncode == 1, refused.stderr
    dom = dom_of("refused.html")
    assert "<title>SIMULATED: refused</title>" in dom
    assert "Refused by <b>guest_cmdline</b>" in dom
    assert '<li class="failed"><b>What booted</b>' in dom
    assert "&lt;script&gt;" in dom and "<script" not in dom and "<img" not in dom


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare()
        for number, test in enumerate(tests, 1):
            try:
                test()
                print(f"ok {number} - {test.__name__}")
            except Exception as error:  # a test must not keep the others from running
                failed += 1
                print(f"not ok {number} - {test.__name__}")
                print("# " + repr(error).replace("\n", "\n# "))
        os.chdir("/")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

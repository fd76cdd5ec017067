#!/usr/bin/python3
"""The page at / of the attestation service: what it asks the service for, and, in headless Chromium by real clicks
and keys, what an administrator sees and does."""
import hashlib
import json
import os
import subprocess
import unittest

from lib import paths, tap
from lib.chromium import PROGRAM, Chromium
from lib.service import ATTEST, ServiceTestCase, b64url

HOSTILE = "</script><script>window.ran=1</script><img src=x onerror='window.ran=1'><b id=planted>"
DENY = 'version=1.0;\nauthorizationrules\n{\n[type=="x-ms-sevsnpvm-vmpl", value==0] => deny();\n=> permit();\n};\n'


def rule(**claims):
    return json.dumps({"version": "1.0.0", "anyOf": [{"authority": "https://acme.example", "allOf": [
        {"claim": name, "equals": value} for name, value in claims.items()]}]})  # fmt: skip


class PageTestCase(ServiceTestCase):
    """One service with an administrator, for all cases of a class."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = cls.service(cls, administrators=True)
        cls.own.start()

    @classmethod
    def tearDownClass(cls):
        cls.own.stop()
        super().tearDownClass()

    def ask(self, method, path, body=None, client="admin", **more):
        connection = self.own.connect(client)
        try:
            return self.own.ask(method, path, body, connection, **more)
        finally:
            connection.close()

    def attest(self, **change):
        """Asks for a token; gives the name by which its checks are kept."""
        self.own.ask("POST", ATTEST, self.body(**change))
        return self.ask("GET", "/api/log")[1]["entries"][-1]["detail"]["record"]


    def keep_secrets(self):
        """Two keys and two resources, of which this evidence gets one each."""
        good = rule(**{"x-ms-sevsnpvm-hostdata": hashlib.sha256(self.policy).hexdigest()})
        bad = rule(**{"x-ms-sevsnpvm-is-debuggable": False, HOSTILE: HOSTILE})
        for name, text in (("db", good), ("other", bad)):
            body = {"kty": "oct-HSM", "key_size": 256, "attributes": {"exportable": True},
                    "release_policy": {"contentType": "application/json; charset=utf-8", "data": b64url(text.encode())}}
            self.assertEqual(self.ask("POST", f"/keys/{name}/create?api-version=7.4", json.dumps(body))[0], 200)
            self.assertEqual(self.ask("PUT", f"/kbs/v0/resource-rule/default/{name}/1", text)[0], 200)
            self.assertEqual(self.ask("POST", f"/kbs/v0/resource/default/{name}/1", b"never shown")[0], 200)
        self.assertEqual(self.ask("POST", "/kbs/v0/resource/default/nobodys/1", b"never shown")[0], 200)


class ApiTest(PageTestCase):
    def head(self, path, headers=None):
        connection = self.own.connect()
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body

    def open_session(self, code):
        """The cookie that the page's script gets for a code."""
        connection = self.own.connect()
        connection.request("POST", "/api/session", body=json.dumps({"code": code}))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        self.assertEqual(answer.status, 200)
        return answer.headers["Set-Cookie"]

    def test_everything_is_an_administrators_alone(self):
        for method, path in (("GET", "/api/session"), ("POST", "/api/code"), ("GET", "/api/log"),
                             ("GET", "/api/attestations/0"), ("GET", "/api/policies"), ("GET", "/api/secrets"), ("POST", "/api/lint/SevSnpVm"),
                             ("POST", "/api/what-if")):  # fmt: skip
            with self.subTest(path):
                self.assertEqual(self.ask(method, path, "", None)[0], 401)
                self.assertEqual(self.ask(method, path, "", "other")[0], 403)
                self.assertEqual(self.ask(method, path, "", host="other.example")[0], 403)
                self.assertEqual(self.ask(method, path, "", more={"Cookie": "__Host-caisson=x"}, client=None)[0], 401)
                self.assertEqual(self.ask(method, path, "", more={"Origin": "https://evil.example"})[0], 403)

    def test_its_files_are_guarded_and_asked_for_once(self):
        for path, kind in (("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")):
            status, headers, body = self.head(path)
            self.assertEqual(status, 200)
            self.assertTrue(headers["Content-Type"].startswith(kind))
            self.assertEqual((headers["X-Content-Type-Options"], headers["X-Frame-Options"]), ("nosniff", "DENY"))
            policy = headers["Content-Security-Policy"]
            for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"):
                self.assertIn(part, policy)
            self.assertNotIn("unsafe", policy)
            self.assertNotRegex(body.decode(), r"(src|href)=[\"']?https?:|@import|innerHTML|eval\(")
            self.assertEqual(headers["Cache-Control"], "no-cache")
            status, again, body = self.head(path, {"If-None-Match": headers["ETag"]})
            self.assertEqual((status, body, again["ETag"]), (304, b"", headers["ETag"]))
            self.assertEqual(self.head(path, {"If-None-Match": '"x"'})[0], 200)
        self.assertEqual(self.head("/api/session")[1]["Cache-Control"], "no-store")

    def test_a_code_opens_one_session(self):
        status, made = self.ask("POST", "/api/code", "")
        self.assertEqual(status, 200)
        body = json.dumps({"code": made["code"]})
        for wrong, status in (("", 400), ("[]", 400), ('{"code":1}', 400), ('{"code":"x"}', 403), ('{"code":"","a":1}', 400)):
            self.assertEqual(self.ask("POST", "/api/session", wrong, None)[0], status, wrong)
        self.assertEqual(self.ask("POST", "/api/session", body, None, host="other.example")[0], 403)
        self.assertEqual(self.ask("POST", "/api/session", body, None, more={"Sec-Fetch-Site": "cross-site"})[0], 403)
        cookie = self.open_session(made["code"])
        for part in ("__Host-caisson=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=28800"):
            self.assertIn(part, cookie)
        self.assertEqual(self.ask("POST", "/api/session", body, None)[0], 403)
        own = {"Cookie": cookie.split(";")[0]}
        status, who = self.ask("GET", "/api/session", client=None, more=own)
        self.assertEqual((status, who["tenant"], who["session"], who["simulated"]), (200, "acme", True, True))
        self.assertEqual(self.ask("POST", "/api/code", "", None, more=own)[0], 403)
        self.assertEqual(self.ask("GET", "/api/session", client=None, more=own, host="other.example")[0], 401)
        self.assertEqual(self.ask("GET", "/api/session", client=None, more={**own, "Origin": "https://evil.example"})[0], 403)
        self.assertEqual(self.ask("DELETE", "/api/session", client=None, more=own)[0], 204)
        self.assertEqual(self.ask("GET", "/api/session", client=None, more=own)[0], 401)
        self.assertNotIn(made["code"], "".join(self.own.said))
        self.assertFalse([entry for entry in self.own.entries() if made["code"].encode() in entry])

    def test_a_session_ends_when_its_certificate_is_no_administrators_any_more(self):
        codes = [self.ask("POST", "/api/code", "")[1]["code"] for _ in range(2)]
        early = {"Cookie": self.open_session(codes[0]).split(";")[0]}
        self.assertEqual(self.ask("GET", "/api/log", client=None, more=early)[0], 200)
        admin, other = (self.own.clients.digests[name] for name in ("admin", "other"))
        self.own.reload(admin, other)
        try:
            late = {"Cookie": self.open_session(codes[1]).split(";")[0]}
            for own in (early, late):
                for method, path in (("GET", "/api/log"), ("GET", "/api/secrets"), ("GET", "/api/session")):
                    self.assertEqual(self.ask(method, path, client=None, more=own)[0], 401, path)
        finally:
            self.own.reload(other, admin)

    def test_the_log_is_read_forwards_and_backwards(self):
        for _ in range(4):
            self.attest()
        everything = self.ask("GET", "/api/log?count=200")[1]
        head, numbers = everything["head"], [entry["number"] for entry in everything["entries"]]
        self.assertEqual(numbers, list(range(1, head + 1)))
        cases = [("count=2", [head - 1, head]), (f"before={head}&count=2", [head - 2, head - 1]), ("before=1", []), ("before=0", []),
                 (f"after={head}", []), (f"after={head - 2}", [head - 1, head]), ("after=0&count=2", [1, 2]), ("count=0", []),
                 (f"after={head + 9}", []), (f"before={head + 9}&count=1", [head])]  # fmt: skip
        for query, wanted in cases:
            status, answer = self.ask("GET", f"/api/log?{query}")
            self.assertEqual((status, [entry["number"] for entry in answer["entries"]], answer["head"]), (200, wanted, head), query)
        for query in ("count=201", "after=-1", "before=x", "after=99999999999999999999", "count=1&count=2", "count=%zz"):
            self.assertEqual(self.ask("GET", f"/api/log?{query}")[0], 400, query)

    def test_an_attestation_keeps_its_checks(self):
        status, kept = self.ask("GET", "/api/attestations/" + self.attest())
        self.assertEqual((status, kept["kind"], kept["repeatable"]), (200, "SevSnpVm", True))
        self.assertEqual({check["result"] for check in kept["checks"]} - {"skipped"}, {"passed"})
        name = self.attest(runtime=self.runtime + b" ")
        checks = {check["name"]: check for check in self.ask("GET", "/api/attestations/" + name)[1]["checks"]}
        self.assertEqual(checks["report_data"]["result"], "failed")
        self.assertTrue(checks["report_data"]["remedy"])
        self.assertEqual(self.ask("GET", "/api/attestations/0000000000000000")[0], 404)
        self.assertEqual(self.ask("GET", "/api/attestations/")[0], 404)

    def test_a_policy_is_linted_and_never_run(self):
        cases = [("", "error"), ("version=1.0; nonsense", "error"), ("\xff\x00", "error"), (HOSTILE, "error"),
                 ('version=1.0; authorizationrules { [type=="x-ms-typo", value==1] => permit(); };', "warning")]  # fmt: skip
        for text, severity in cases:
            status, findings = self.ask("POST", "/api/lint/SevSnpVm", text.encode())
            self.assertEqual((status, findings[0]["severity"]), (200, severity), text)
        good = 'version=1.0; authorizationrules { [type=="x-ms-sevsnpvm-is-debuggable", value==false] => permit(); };'
        self.assertEqual(self.ask("POST", "/api/lint/sevsnpvm", good), (200, []))
        self.assertEqual(self.ask("POST", "/api/lint/Nitro", good)[0], 404)
        kinds = {policy["kind"]: policy for policy in self.ask("GET", "/api/policies")[1]}
        self.assertTrue(kinds["SevSnpVm"]["default"])
        self.assertIn("permit", kinds["SevSnpVm"]["text"])

    def test_what_evidence_would_open(self):
        self.keep_secrets()
        question = {"kind": "SevSnpVm", "request": json.loads(self.body())}
        status, answer = self.ask("POST", "/api/what-if", json.dumps(question))
        self.assertEqual(status, 200, answer)
        got = {item["name"]: (item["released"], item["reason"]) for item in answer["keys"] + answer["resources"]}
        self.assertEqual({name: released for name, (released, _) in got.items()}, {
            "db": True, "other": False, "default/db/1": True, "default/other/1": False, "default/nobodys/1": False})  # fmt: skip
        self.assertIn(HOSTILE[:20], got["other"][1])
        status, answer = self.ask("POST", "/api/what-if", json.dumps({**question, "policy": DENY}))
        self.assertNotIn("keys", answer)
        status, secrets = self.ask("GET", "/api/secrets")
        self.assertEqual(status, 200)
        self.assertEqual([key["name"] for key in secrets["keys"]], ["db", "other"])
        self.assertEqual([item["rule"] is None for item in secrets["resources"]], [False, True, False])
        self.assertNotIn("never shown", json.dumps(secrets))
        self.assertNotIn('"k"', json.dumps(secrets))
        self.assertEqual(self.ask("DELETE", "/keys/db?api-version=7.4")[0], 200)
        self.assertEqual([key["name"] for key in self.ask("GET", "/api/secrets")[1]["keys"]], ["other"])

    def test_what_evidence_would_get(self):
        before = len(self.own.entries())
        question = {"kind": "SevSnpVm", "request": json.loads(self.body())}
        status, answer = self.ask("POST", "/api/what-if", json.dumps(question))
        self.assertEqual(status, 200, answer)
        self.assertTrue(answer["policy"]["permitted"] and answer["policy"]["default"] and answer["simulated"])
        self.assertEqual([rule["step"] for rule in answer["policy"]["rules"]], ["held"])
        self.assertEqual(answer["claims"]["x-ms-runtime"], json.loads(self.runtime))
        status, answer = self.ask("POST", "/api/what-if", json.dumps({**question, "policy": DENY}))
        rules = answer["policy"]["rules"]
        self.assertEqual((answer["policy"]["permitted"], answer["policy"]["draft"]), (False, True))
        self.assertEqual([(rule["line"], rule["action"], rule["step"]) for rule in rules][0], (4, "deny", "held"))
        self.assertIn("line 4", answer["policy"]["reason"])
        status, answer = self.ask("POST", "/api/what-if", json.dumps({**question, "policy": "nonsense"}))
        self.assertEqual((status, answer["policy"]["permitted"], answer["policy"]["rules"]), (200, False, []))
        other = {"kind": "SevSnpVm", "request": json.loads(self.body(policy=b"another"))}
        status, answer = self.ask("POST", "/api/what-if", json.dumps(other))
        self.assertIn("host_data", answer["reason"])
        self.assertNotIn("policy", answer)
        self.assertNotIn("claims", answer)
        self.assertEqual(len(self.own.entries()), before)
        name = self.attest()
        status, answer = self.ask("POST", "/api/what-if", json.dumps({"attestation": name}))
        self.assertEqual((status, answer["policy"]["permitted"]), (200, True))
        for wrong, status in (("", 400), ("[]", 400), ("{}", 400), ('{"kind":"SevSnpVm"}', 400), ('{"attestation":1}', 400),
                              ('{"attestation":"0000000000000000"}', 404), ('{"kind":"Nitro","request":{}}', 404),
                              ('{"kind":"SevSnpVm","request":{}}', 400), ('{"kind":"SevSnpVm","request":{},"a":1}', 400),
                              ("[" * 100000, 400), ('{"kind":"a","kind":"b","request":{}}', 400)):  # fmt: skip
            self.assertEqual(self.ask("POST", "/api/what-if", wrong)[0], status, wrong[:80])


@unittest.skipUnless(PROGRAM, "there is no chromium")
class BrowserTest(PageTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Chromium().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        super().tearDownClass()

    def sign_in(self, **size):
        """A page that has signed in as one does without a certificate, by the keyboard."""
        page = self.browser.page(**size)
        page.open(f"https://localhost:{self.own.port}/")
        page.wait("!document.getElementById('view-sign-in').hidden || document.querySelector('#sections:not([hidden])')")
        if page.evaluate("!document.getElementById('view-sign-in').hidden"):
            page.tab_to("textbox", "Code")
            page.type(self.ask("POST", "/api/code", "")[1]["code"])
            page.press("Enter")
        page.wait("document.querySelector('#sections:not([hidden])') && document.querySelector('#log li')")
        return page

    def test_a_wrong_code_is_refused_and_said(self):
        context = self.browser.page()
        context.open(f"https://localhost:{self.own.port}/")
        context.evaluate("fetch('api/session', {method: 'DELETE'})")
        context.open(f"https://localhost:{self.own.port}/")
        context.wait("!document.getElementById('view-sign-in').hidden")
        context.click("textbox", "Code")
        context.type(HOSTILE)
        context.click("button", "Sign in")
        context.wait("document.getElementById('sign-in-wrong').textContent.includes('not good')")
        self.assertEqual(context.evaluate("document.activeElement.id"), "code")
        context.press("a", control=True)
        context.type("a.b.c")
        context.press("Enter")
        context.wait("document.getElementById('sign-in-wrong').textContent.includes('bearer token')")
        self.assertIsNone(context.evaluate("window.ran ?? null"))

    def test_the_command_prints_an_address_that_signs_in_once(self):
        self.attest()
        words = [paths.CAISSON, "page", "--service", f"https://localhost:{self.own.port}/", "--tls-ca",
                 os.path.join(self.own.folder, "state/development.pem"), "--client"]  # fmt: skip
        refused = subprocess.run([*words, self.own.clients.path("other")], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((refused.returncode, refused.stdout), (1, ""))
        done = subprocess.run([*words, self.own.clients.path("admin")], capture_output=True, text=True, timeout=60, check=True)
        self.assertRegex(done.stdout, rf"^https://localhost:{self.own.port}/#code=[\w-]{{43}}\n$")
        page = self.browser.page()
        page.open(f"https://localhost:{self.own.port}/healthz")
        page.evaluate("fetch('/api/session', {method: 'DELETE'})")
        page.open(done.stdout.strip())
        page.wait("document.querySelector('#log li')")
        self.assertEqual(page.evaluate("location.hash"), "")
        page.evaluate("fetch('/api/session', {method: 'DELETE'})")
        page.open("about:blank")
        page.open(done.stdout.strip())
        page.wait("document.getElementById('sign-in-wrong').textContent.includes('not good')")

    def test_an_attestation_appears_and_opens_to_its_checks(self):
        self.attest()
        page = self.sign_in()
        count = page.evaluate("document.querySelectorAll('#log > li').length")
        self.attest(runtime=self.runtime + b" ")
        page.wait(f"document.querySelectorAll('#log > li').length === {count + 1}")
        self.assertIn("refused", page.evaluate("document.getElementById('said').textContent"))
        page.click("button", "Attestation refused")
        page.wait("document.querySelector('#log table')")
        self.assertEqual(page.evaluate("document.querySelector('#log .verdict').firstChild.textContent"), "Refused by report_data")
        self.assertEqual(page.evaluate("document.querySelector('#log tbody th').textContent"), "report_data")
        self.assertTrue(page.find("button", "Attestation refused")["expanded"])
        boxes = page.evaluate("[...document.querySelectorAll('#log .chain li')].map((box) => box.innerText)")
        self.assertIn("What the host gave it\nfailed", boxes)
        page.click("checkbox", "refused only")
        page.wait("[...document.querySelectorAll('#log > li')].every((line) => line.hidden === line.entry.allowed)")

    def test_a_policy_is_linted_stored_and_reset(self):
        page = self.sign_in()
        page.click("link", "Policies")
        page.wait("document.getElementById('policy-text').value")
        page.click("textbox", "Policy")
        page.press("a", control=True)
        page.type("version=1.0; nonsense")
        page.wait("document.getElementById('policy-count').textContent === 'This is no policy.'")
        page.click("button", "Store")
        page.wait("document.getElementById('said').textContent.startsWith('Not stored')")
        page.click("textbox", "Policy")
        page.press("a", control=True)
        page.type(DENY)
        page.wait("document.querySelectorAll('#findings li').length === 0 || document.querySelector('#findings .warning')")
        page.click("button", "Store")
        page.wait("document.getElementById('said').textContent.includes('is stored')")
        self.assertEqual(self.own.ask("POST", ATTEST, self.body())[0], 400)
        page.click("button", "Reset to the default")
        page.wait("document.getElementById('reset-ask').open")
        self.assertEqual(page.find("dialog", "Reset this policy?")["modal"], True)
        page.press("Escape")
        page.wait("!document.getElementById('reset-ask').open")
        self.assertFalse(self.ask("GET", "/api/policies")[1][0]["default"])
        page.click("button", "Reset to the default")
        page.click("button", "Reset", exact=True)
        page.wait("document.getElementById('policy-state').textContent === 'the default'")
        self.assertEqual(self.own.ask("POST", ATTEST, self.body())[0], 200)
        self.assertEqual([json.loads(entry)["event"] for entry in self.own.entries()][-2:], ["policy-reset", "attest"])

    def test_what_would_this_evidence_get_by_keyboard_alone(self):
        self.attest()
        page = self.sign_in()
        page.tab_to("link", "What would it get?")
        page.press("Enter")
        page.wait("!document.getElementById('view-try').hidden && document.activeElement.id === 'main'")
        page.tab_to("textbox", "Evidence")
        page.type(json.dumps(self.bundle))
        page.tab_to("button", "Ask")
        page.press("Enter")
        page.wait("!document.getElementById('try-answer').hidden")
        self.assertEqual(page.focused(), ("region", "Answer"))
        said = page.evaluate("document.getElementById('try-answer').innerText")
        self.assertRegex(said, r"A token that says SIMULATED")
        self.assertRegex(said, r"Line 4: held; it decides")
        self.assertIn("x-ms-sevsnpvm-launchmeasurement", said)
        page.evaluate("document.getElementById('try-text').value = '{'")
        page.click("button", "Ask")
        page.wait("document.getElementById('try-wrong').textContent.startsWith('This is no JSON')")

    def test_a_keys_rule_and_which_condition_fails(self):
        self.keep_secrets()
        page = self.sign_in()
        page.click("link", "Keys")
        page.wait("document.querySelectorAll('#keys > li').length === 2")
        shown = page.evaluate("document.getElementById('view-keys').innerText")
        self.assertRegex(shown, r"db\s+oct-HSM, enabled, changed [0-9-]+")
        self.assertIn(f"x-ms-sevsnpvm-hostdata equals {hashlib.sha256(self.policy).hexdigest()}", shown)
        self.assertIn(f"{HOSTILE} equals {HOSTILE}", shown)
        self.assertIn("default/nobodys/1\n\nIt has no rule: nobody gets it.", shown)
        name = self.attest()
        page.click("link", "What would it get?")
        page.wait("document.getElementById('try-recent').options.length > 1")
        page.tab_to("combobox", "An attestation of late")
        page.press("ArrowDown")
        page.wait(f"document.getElementById('try-recent').value === '{name}'")
        page.press("Enter")
        page.click("button", "Ask")
        page.wait("!document.getElementById('try-answer').hidden")
        said = page.evaluate("document.getElementById('try-answer').innerText")
        self.assertIn("db would be released", said)
        self.assertRegex(said, r"other would not: .*planted")
        self.assertIn("default/db/1 would be released", said)
        self.assertEqual(page.evaluate("[window.ran, document.querySelector('#planted')]"), [None, None])

    def test_every_control_is_reached_by_keyboard_and_has_a_name(self):
        self.attest()
        page = self.sign_in()
        controls = {"button", "link", "textbox", "combobox", "checkbox", "searchbox", "MenuListPopup"}
        for section in ("Decisions", "Policies", "Keys", "What would it get?"):
            page.click("link", section)
            page.wait(f"document.querySelector('nav [aria-current]').textContent === {json.dumps(section)}")
            page.wait("document.getElementById('view-policies').hidden || document.getElementById('policy-text').value")
            tree = page.tree()
            named = [node for node in tree if node["role"] in controls - {"MenuListPopup"}]
            self.assertGreater(len(named), 5)
            self.assertEqual([node for node in named if not node["name"]], [], section)
            roles = [node["role"] for node in tree]
            for landmark in ("main", "navigation", "banner"):
                self.assertEqual(roles.count(landmark), 1, landmark)
            self.assertEqual(len([node for node in tree if node["role"] == "heading" and node.get("level") == 1]), 1)
            wanted = {(node["role"], node["name"]) for node in named if not node.get("disabled")}
            page.evaluate("document.activeElement.blur()")
            seen = set()
            for _ in range(3 * len(named) + 20):
                page.press("Tab")
                focused = page.focused()
                if focused in seen and wanted <= seen:
                    break
                seen.add(focused)
                if focused:  # it leaves the page between the last and the first
                    self.assertNotEqual(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"), "none", focused)
            self.assertEqual(wanted - seen, set(), section)

    def test_texts_have_contrast_in_the_dark_and_in_the_light_and_fit_a_small_screen(self):
        self.attest()
        self.attest(runtime=self.runtime + b" ")
        page = self.sign_in()
        page.click("button", "Attestation refused")
        page.wait("document.querySelector('#log table')")
        for dark in (False, True):
            for width in (1200, 360):
                page.resize(width, 800, dark)
                for section in ("log", "policies", "try"):
                    page.evaluate(f"location.hash = '#{section}'")
                    page.wait(f"!document.getElementById('view-{section}').hidden")
                    worst = page.evaluate(CONTRAST)
                    self.assertGreaterEqual(worst[0], 4.5, (section, dark, worst))
                    self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width, (section, width))

    def test_what_evidence_and_policies_hold_is_text(self):
        hostile = json.dumps({HOSTILE: HOSTILE}).encode()
        self.attest(runtime=hostile)
        page = self.sign_in()
        page.evaluate("document.addEventListener('securitypolicyviolation', () => { window.violated = 1; })")
        page.click("link", "Policies")
        page.wait("document.getElementById('policy-text').value")
        page.click("textbox", "Policy")
        page.press("a", control=True)
        page.type(f"version=1.0; {HOSTILE}")
        page.wait("document.getElementById('policy-count').textContent === 'This is no policy.'")
        policy = f'version=1.0; authorizationrules {{ => permit(); }}; issuancerules {{ => issue(type="a{HOSTILE}", value="{HOSTILE}"); }};'
        page.press("a", control=True)
        page.type(policy)
        page.click("link", "What would it get?")
        page.click("textbox", "Evidence")
        page.type(self.body(nonce=HOSTILE))
        page.click("checkbox", "under the text")
        page.click("button", "Ask")
        page.wait("!document.getElementById('try-answer').hidden")
        said = page.evaluate("document.getElementById('try-answer').innerText")
        self.assertIn(f"a{HOSTILE}", said)
        self.assertIn("the text in the editor", said)
        page.click("link", "Decisions")
        page.evaluate("[...document.querySelectorAll('#log .head')].slice(0, 3).forEach((head) => head.click())")
        page.wait("document.querySelector('#log table')")
        self.assertEqual(page.evaluate("[window.ran, window.violated, document.querySelector('#planted, main img, main script')]"),
                         [None, None, None])  # fmt: skip

    def test_signing_out_ends_it(self):
        page = self.sign_in()
        page.click("button", "Sign out")
        page.wait("!document.getElementById('view-sign-in').hidden")
        self.assertEqual(page.evaluate("fetch('api/log').then((answer) => answer.status)"), 401)


# The least contrast of a text to what it stands on (WCAG 2.1, 1.4.3), and that text. What is disabled may have less.
CONTRAST = """(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parse(color).map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((parse(color)[3] ?? 1) > 0.99) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  let worst = [99, ''];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || element.disabled || !element.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < worst[0]) worst = [contrast, element.outerHTML.slice(0, 200)];
  }
  return worst;
})()"""


if __name__ == "__main__":
    tap.main()

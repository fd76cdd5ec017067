#!/usr/bin/python3
"""The service's master key from a TPM 2.0 (swtpm) and from a PKCS#11 token (SoftHSM): what was sealed comes back with
the same device, and with no other.
"""
import contextlib
import glob
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest.mock

from lib import tap
from lib.ports import free_ports
from lib.service import ATTESTD, ServiceTestCase

KEYS = "/keys/db?api-version=7.4"
CREATE = "/keys/db/create?api-version=7.4"


class Tpm:
    """A software TPM with a folder of its own; a context. Its state outlives it, its registers do not."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def __enter__(self):
        for _ in range(20):
            self.port = free_ports(2)[0]
            if self.start():
                return self
        raise RuntimeError("swtpm does not start")

    def start(self):
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}", "--server", f"type=tcp,port={self.port}",
             "--ctrl", f"type=tcp,port={self.port + 1}", "--flags", "not-need-init,startup-clear"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        while self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port + 1), 10):
                return True
        self.process.stdout.close()
        return False

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(60)
        self.process.stdout.close()

    @property
    def tcti(self):
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def extend(self, pcr):
        """TPM2_PCR_Extend of a SHA-256, with an empty password (TPM 2.0, part 3, section 22.2)."""
        session = struct.pack(">IHBH", 0x40000009, 0, 0, 0)
        rest = struct.pack(">II", pcr, len(session)) + session + struct.pack(">IH", 1, 0x000B) + b"\1" * 32
        command = struct.pack(">HII", 0x8002, 10 + len(rest), 0x00000182) + rest
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            connection.sendall(command)
            answer = connection.recv(4096)
        if struct.unpack(">I", answer[6:10])[0] != 0:
            raise RuntimeError(answer.hex())


class MasterTest(ServiceTestCase):
    def started(self, master, folder=None, before=None):
        """A service whose master key is there; with another's folder, the same store."""
        more = f"master_before: {json.dumps(before)}\n" if before else ""
        service = self.service(administrators=True, more=f"master: {json.dumps(master)}\n{more}")
        if folder:
            shutil.copytree(os.path.join(folder, "state"), os.path.join(service.folder, "state"))
        return service

    def refused(self, service, *words):
        done = subprocess.run([ATTESTD, "--config", service.config], capture_output=True, text=True, timeout=60,
                              check=False)  # fmt: skip
        self.assertNotEqual(done.returncode, 0, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        return done.stderr

    def key_of(self, service, make=False):
        connection = service.connect("admin")
        with contextlib.closing(connection):
            status, answer = service.ask("POST" if make else "GET", CREATE if make else KEYS,
                                         json.dumps({"kty": "oct"}) if make else None, connection)  # fmt: skip
        self.assertEqual(status, 200, answer)
        return answer["key"]["kid"]

    # --- TPM --------------------------------------------------------------------------------------

    def test_a_tpm_gives_the_key_back_and_another_does_not(self):
        mine, others = (Tpm(os.path.join(self.folder, name)) for name in ("mine", "others"))
        with mine:
            with self.started({"tpm": {"tcti": mine.tcti}}) as service:
                kid = self.key_of(service, make=True)
                self.assertEqual(service.stop(), 0)
            state = os.path.join(service.folder, "state")
            self.assertEqual(sorted(glob.glob("master*", root_dir=state)), ["master.tpm"])
            self.assertEqual(os.stat(os.path.join(state, "master.tpm")).st_mode & 0o777, 0o600)
        with mine:
            with self.started({"tpm": {"tcti": mine.tcti}}, service.folder) as again:
                self.assertEqual(self.key_of(again), kid)
                self.assertEqual(again.stop(), 0)
            self.refused(self.started({"tpm": {"tcti": mine.tcti, "pcrs": [7]}}, service.folder), "other PCRs")
            for cut in (0, 4, 8, 100, -1):
                damaged = self.started({"tpm": {"tcti": mine.tcti}}, service.folder)
                path = os.path.join(damaged.folder, "state", "master.tpm")
                with open(path, "rb+") as file:
                    file.truncate(os.path.getsize(path) + cut if cut < 0 else cut)
                self.refused(damaged, "no master key that a TPM sealed")
            changed = self.started({"tpm": {"tcti": mine.tcti}}, service.folder)
            with open(os.path.join(changed.folder, "state", "master.tpm"), "rb+") as file:
                file.seek(-5, os.SEEK_END)
                file.write(b"\0")
            self.refused(changed, "the TPM does not")
        with others:
            self.refused(self.started({"tpm": {"tcti": others.tcti}}, service.folder), "sealed by another")
        self.refused(self.started({"tpm": {"tcti": mine.tcti}}, service.folder), "no TPM answers")
        # Another kind of master key is another key: what was sealed stays shut.
        self.refused(self.started({"file": "other.key"}, service.folder), "sealed for another master key")

    def test_a_tpm_gives_no_key_once_its_registers_are_others(self):
        tpm = Tpm(os.path.join(self.folder, "registers"))
        with tpm:
            tpm.extend(7)
            with self.started({"tpm": {"tcti": tpm.tcti, "pcrs": [0, 7]}}) as service:
                kid = self.key_of(service, make=True)
                self.assertEqual(service.stop(), 0)
        with tpm:
            again = self.started({"tpm": {"tcti": tpm.tcti, "pcrs": [0, 7]}}, service.folder)
            self.refused(again, "PCRs what they were")
            tpm.extend(7)
            with again:
                self.assertEqual(self.key_of(again), kid)
                self.assertEqual(again.stop(), 0)
            tpm.extend(7)
            self.refused(again, "PCRs what they were")
            self.refused(self.started({"tpm": {"tcti": tpm.tcti}}, service.folder), "other PCRs")

    # --- another one ------------------------------------------------------------------------------

    def test_another_master_key_takes_the_place_of_the_one_before(self):
        tpm = Tpm(os.path.join(self.folder, "next"))
        first = {"file": "state/master.key"}
        with tpm:
            second = {"tpm": {"tcti": tpm.tcti}}
            with self.started(first) as service:
                kid = self.key_of(service, make=True)
                certs = service.ask("GET", "/certs")
                self.assertEqual(service.stop(), 0)
            with self.started(second, service.folder, before=first) as changed:
                self.assertEqual((self.key_of(changed), changed.ask("GET", "/certs")), (kid, certs))
                self.assertEqual(changed.stop(), 0)
                self.assertIn("3 records were sealed anew", "".join(changed.said))
            os.unlink(os.path.join(changed.folder, "state", "master.key"))
            with self.started(second, changed.folder) as after:
                self.assertEqual((self.key_of(after), after.ask("GET", "/certs")), (kid, certs))
                self.assertEqual(after.stop(), 0)
            # The one before must be there, and the right one; nothing is made in its place.
            service = self.started({"file": "state/third"}, changed.folder, before=first)
            self.refused(service, "master.key is not there")
            self.assertFalse(os.path.exists(os.path.join(service.folder, "state", "master.key")))
            self.refused(self.started({"file": "state/third"}, changed.folder), "master_before")
            self.refused(self.started(first, changed.folder, before=first), "in the same file")

    # --- PKCS#11 ----------------------------------------------------------------------------------

    def make_token(self, label):
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "5678", "--pin", "1234"],
                       stdout=subprocess.DEVNULL, check=True, timeout=60)  # fmt: skip

    def test_a_token_gives_the_key_back_and_another_does_not(self):
        folder = tempfile.mkdtemp(dir=self.folder)
        os.mkdir(os.path.join(folder, "tokens"))
        with open(os.path.join(folder, "softhsm2.conf"), "w", encoding="utf-8") as file:
            file.write(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        patch = unittest.mock.patch.dict(os.environ, {"SOFTHSM2_CONF": os.path.join(folder, "softhsm2.conf")})
        patch.start()
        self.addCleanup(patch.stop)
        for name, pin in (("pin", "1234\n"), ("wrong", "4321"), ("open", "1234")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(pin)
            os.chmod(os.path.join(folder, name), 0o644 if name == "open" else 0o600)
        self.make_token("caisson")
        self.make_token("other")
        good = {"module": MODULE, "token": "caisson", "key": "master", "pin": os.path.join(folder, "pin")}
        with self.started({"pkcs11": good}) as service:
            kid = self.key_of(service, make=True)
            self.assertEqual(service.stop(), 0)
            self.assertNotIn("1234", "".join(service.said))
        state = os.path.join(service.folder, "state")
        self.assertEqual(os.path.getsize(os.path.join(state, "master.pkcs11")), 65)
        with self.started({"pkcs11": good}, service.folder) as again:
            self.assertEqual(self.key_of(again), kid)
            self.assertEqual(again.stop(), 0)
        cases = [({"token": "nothing"}, "0 PKCS#11 tokens"), ({"token": "other"}, "no AES key"), ({"key": "maste"}, "no AES key"),
                 ({"pin": os.path.join(folder, "wrong")}, "take the PIN"), ({"pin": os.path.join(folder, "open")}, "chmod 600"),
                 ({"pin": os.path.join(folder, "none")}, "is not there"), ({"module": "/nonexistent.so"}, "no PKCS#11 module"),
                 ({"module": LIBC}, "no C_GetFunctionList")]  # fmt: skip
        for change, said in cases:
            told = self.refused(self.started({"pkcs11": {**good, **change}}, service.folder), said)
            self.assertNotIn("4321", told)
        changed = self.started({"pkcs11": good}, service.folder)
        with open(os.path.join(changed.folder, "state", "master.pkcs11"), "rb+") as file:
            file.seek(30)
            file.write(b"\0\0")
        self.refused(changed, "unseal the master key")

    def test_a_wrong_configuration_is_named(self):
        pkcs11 = {"module": "/m.so", "token": "t", "key": "k", "pin": "p"}
        cases = [({}, "one of file, tpm and pkcs11"), ({"file": "a", "tpm": {}}, "one of file"), ({"hsm": {}}, "hsm"),
                 ({"tpm": {"pcrs": [24]}}, "pcrs"), ({"tpm": {"pcrs": [1, 1]}}, "pcrs"), ({"tpm": {"pcrs": ["1"]}}, "pcrs"),
                 ({"tpm": {"pin": "1"}}, "pin"), ({"pkcs11": {**pkcs11, "pin": 1234}}, "pin"),
                 *[({"pkcs11": {name: value for name, value in pkcs11.items() if name != left}}, "are needed") for left in pkcs11]]  # fmt: skip
        for master, said in cases:
            service = self.started(master)
            self.refused(service, said)
            self.assertFalse(os.path.exists(os.path.join(service.folder, "state")))


MODULE = next((path for path in glob.glob("/usr/lib/*/softhsm/libsofthsm2.so") + ["/usr/lib/softhsm/libsofthsm2.so"]
               if os.path.exists(path)), "libsofthsm2.so")  # fmt: skip
LIBC = next(iter(glob.glob("/lib/*-linux-gnu/libz.so.1")), "/nonexistent.so")

if __name__ == "__main__":
    tap.main()

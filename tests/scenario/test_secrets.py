#!/usr/bin/python3
"""Secrets for containers that know nothing of them: brought by the guest from a key broker, as the policy says."""
import os
import unittest

from lib import tap
from lib.broker import Broker
from lib.cli import CliCase

RESOURCES = {"default/secret/db": b"swordfish\n", "app/key/one": bytes(range(256))}


class Secrets(CliCase):
    def broker(self, **options):
        broker = Broker(self.folder, RESOURCES, **options)
        self.addCleanup(broker.close)
        return broker

    def run_with(self, broker, secrets, *command, check=True, options=()):
        given = [word for secret in secrets for word in ("--secret", secret)]
        return self.run_image("busybox", *command, check=check, options=[
            *given, "--secret-service", broker.url, "--secret-root", broker.pem, *options])

    def test_files_and_variables(self):
        broker = self.broker()
        script = ("cat /run/secrets/db; echo $PASSWORD; od -An -tx1 -N4 /etc/one; ls -l /run/secrets/db; "
                  "echo no > /run/secrets/db; id -u")
        done = self.run_with(broker, ["db", "db=PASSWORD", "app/key/one:/etc/one"], "/bin/sh", "-c", script)
        lines = done.stdout.decode().split("\n")
        self.assertEqual(lines[:3], ["swordfish", "swordfish", " 00 01 02 03"])
        self.assertIn("-r--r--r--", lines[3])
        self.assertIn(b"Read-only", done.stderr)
        self.assertEqual(broker.problems, [])
        self.assertEqual(broker.requests.count("/kbs/v0/attest"), 1)
        self.assertEqual([each["cert_type"] for each in broker.evidence[0]["cert_chain"]], ["VCEK", "ASK", "ARK"])


if __name__ == "__main__":
    tap.main()

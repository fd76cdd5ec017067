#!/usr/bin/python3
"""A service that is asked for long: attestations accepted and refused, resources, policies, the log, each by a connection of
its own; and neither its memory, nor its descriptors, nor its threads grow, and its store by no more than its log.

CAISSON_SOAK_SECONDS says for how long (8), CAISSON_SOAK_RATE how many rounds a second at most (1,000)."""
import json
import os
import re
import statistics
import time

from lib import tap
from lib.service import ATTEST, ServiceTestCase, policy_jws

SECONDS = float(os.environ.get("CAISSON_SOAK_SECONDS", "8"))
RATE = float(os.environ.get("CAISSON_SOAK_RATE", "1000"))
WARM_UP = 560  # attestations: the last 512 are kept in memory (service/recent.h)
ROUNDS_MIN = 20  # however slow the machine is
POLICY = "/policies/SevSnpVm?api-version=2022-08-01"
PERMIT = policy_jws("version=1.0; authorizationrules { => permit(); };")


class Soak(ServiceTestCase):
    def sample(self, service):
        folder = f"/proc/{service.process.pid}"
        with open(f"{folder}/status", encoding="ascii") as file:
            status = file.read()
        kilobytes, threads = (int(re.search(rf"{name}:\s+(\d+)", status).group(1)) for name in ("VmRSS", "Threads"))
        sizes = [os.stat(service.store + tail).st_size for tail in ("", "-wal")]
        return {"resident_kb": kilobytes, "threads": threads, "descriptors": len(os.listdir(f"{folder}/fd")), "store": sizes[0],
                "wal": sizes[1], "entries": service.entry_count()}  # fmt: skip

    def round(self, service, number):
        """One of each kind, by a new connection that is closed."""
        connection = service.connect("admin")
        self.assertEqual(service.ask("POST", ATTEST, self.good, connection)[0], 200)
        if number % 4 == 0:
            self.assertEqual(service.ask("POST", ATTEST, self.bad, connection)[0], 400)
            self.assertEqual(service.ask("GET", "/api/log?count=50", None, connection)[0], 200)
            self.assertEqual(service.ask("POST", "/kbs/v0/resource/default/soak/one", "secret", connection)[0], 200)
            self.assertEqual(service.ask("PUT", POLICY, PERMIT, connection)[0], 200)
        connection.close()

    def test_nothing_grows_but_the_log(self):
        flipped = bytearray(self.report)
        flipped[0x50] ^= 1
        self.good, self.bad, samples = self.body(), self.body(bytes(flipped)), []
        with self.service(administrators=True) as service:
            for number in range(WARM_UP // 10):
                connection = service.connect()
                for _ in range(9):
                    self.assertEqual(service.ask("POST", ATTEST, self.good, connection)[0], 200)
                connection.close()
                self.round(service, number)
            begun, number = time.monotonic(), 0
            while (passed := time.monotonic() - begun) < SECONDS or number <= ROUNDS_MIN:
                self.round(service, number)
                number += 1
                if passed >= len(samples) * SECONDS / 40:
                    samples.append(self.sample(service))
                time.sleep(max(0, begun + number / RATE - time.monotonic()))
            samples.append(self.sample(service))
        quarter = max(1, len(samples) // 4)
        first, last = ({name: statistics.median(each[name] for each in part) for name in samples[0]}
                       for part in (samples[:quarter], samples[-quarter:]))  # fmt: skip
        told = json.dumps({"rounds": number, "seconds": round(passed), "first quarter": first, "last quarter": last, "end": samples[-1]})
        print("#", told, flush=True)
        self.assertLessEqual(last["resident_kb"] - first["resident_kb"], 4000, told)
        self.assertLessEqual(last["descriptors"], first["descriptors"] + 2, told)
        self.assertEqual(last["threads"], first["threads"], told)
        self.assertLessEqual(max(each["wal"] for each in samples), 16 << 20, told)
        entries = samples[-1]["entries"] - samples[0]["entries"]
        self.assertLessEqual(samples[-1]["store"] - samples[0]["store"], entries * 2048 + (8 << 20), told)


if __name__ == "__main__":
    tap.main()

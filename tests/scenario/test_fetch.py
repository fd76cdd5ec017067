#!/usr/bin/python3
"""Layers come a few at once, and become disks while the next ones come."""
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
import time

from lib import oci, pulls, registry, tap


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def stall(data, size, released):
    """Sends `size` bytes, and the rest of what was promised only when `released` is set."""
    def fault(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:size])
        handler.wfile.flush()
        released.wait(60)
        handler.wfile.write(data[size:])
        return True
    return fault


class Screen:
    """Shows what the bytes make of a terminal of 24 × 80."""

    def __init__(self):
        self.rows, self.row, self.column, self.escape = [""] * 24, 0, 0, ""

    def play(self, text):
        for letter in text:
            if self.escape or letter == "\033":
                self.escape += letter
                if letter.isalpha():
                    self.carry_out()
            elif letter == "\r":
                self.column = 0
            elif letter == "\n":
                self.row += 1
            else:
                row = self.rows[self.row].ljust(self.column)
                self.rows[self.row] = row[:self.column] + letter + row[self.column + 1:]
                self.column += 1
                assert self.column < 80, "a line that wraps"

    def carry_out(self):
        kind, count = self.escape[-1], self.escape[2:-1]
        if kind == "A":
            self.row -= int(count)
            assert self.row >= 0
        elif kind == "J":
            self.rows[self.row] = self.rows[self.row][:self.column]
            self.rows[self.row + 1:] = [""] * (23 - self.row)
        else:
            raise AssertionError(self.escape)
        self.escape = ""

    def lines(self):
        return [row for row in self.rows if row]


class Fetch(pulls.FaultyCase):
    def setUp(self):
        super().setUp()
        self.released = threading.Event()
        self.addCleanup(self.released.set)

    def data(self, image, number):
        return image.blobs[image.layers[number]["digest"]]

    def stall_layers(self, server, image, *numbers, size=20000):
        for number in numbers:
            server.fault(self.blob(image.layers[number]), stall(self.data(image, number), size, self.released))

    def partial_is(self, image, number, size):
        path = os.path.join(self.environment["CAISSON_HOME"], "partial", image.layers[number]["digest"][7:])
        return os.path.exists(path) and os.path.getsize(path) == size

    def named(self):
        return json.loads(self.ok("images", "--json"))

    def test_makes_a_disk_while_the_next_layers_come(self):
        image = oci.Image(sizes=(50000,) * 4, kinds=("none",))
        server = self.start(image)
        seen = []

        def wait_for_disks(handler):
            # The three layers below are disks before the first byte of the last one leaves the registry.
            seen.append(until(lambda: len(self.disks()) == 3))
            return registry.answer(handler, 200, self.data(image, 3))

        server.fault(self.blob(image.layers[3]), wait_for_disks)
        self.ok("pull", server.host + "/app")
        self.assertEqual(seen, [True])
        self.assertEqual(len(self.disks()), 4)

    def test_fetches_three_layers_at_once_and_no_more(self):
        image = oci.Image(sizes=(3000,) * 9, kinds=("none",))
        server = self.start(image)
        lock, together, most, now = threading.Lock(), threading.Barrier(3), [0], [0]

        def meet(number):
            def fault(handler):
                with lock:
                    now[0] += 1
                    most[0] = max(most[0], now[0])
                try:
                    together.wait(20)
                    time.sleep(0.1)
                except threading.BrokenBarrierError:
                    return registry.answer(handler, 404, b"{}")
                finally:
                    with lock:
                        now[0] -= 1
                return registry.answer(handler, 200, self.data(image, number))
            return fault

        for number, layer in enumerate(image.layers):
            server.fault(self.blob(layer), meet(number))
        self.ok("pull", server.host + "/app")
        self.assertEqual(most[0], 3)
        self.assertEqual(self.blobs(), sorted(image.blobs))

    def test_an_error_ends_what_is_under_way(self):
        image = oci.Image(sizes=(50000,) * 4, kinds=("none",))
        server = self.start(image)
        self.stall_layers(server, image, 0, 2)

        def fail(handler):
            until(lambda: self.partial_is(image, 0, 20000) and self.partial_is(image, 2, 20000))
            return registry.answer(handler, 404, b"{}")

        server.fault(self.blob(image.layers[1]), fail)
        begin = time.monotonic()
        self.refused("pull", server.host + "/app", because="has no app")
        self.assertLess(time.monotonic() - begin, 15)
        self.assertEqual(self.named(), [])
        self.assertEqual(server.requests(self.blob(image.layers[3])), [])
        # What had come by then is gone on with.
        self.ok("pull", server.host + "/app")
        for number in (0, 2):
            ranges = [headers.get("range") for headers in server.requests(self.blob(image.layers[number]))]
            self.assertEqual(ranges, [None, "bytes=20000-"])

    def test_a_layer_that_makes_no_disk_ends_the_pull(self):
        image, other = oci.Image(sizes=(50000,) * 3, kinds=("none",)), oci.Image(seed=9)
        config = json.loads(image.blobs[image.config["digest"]])
        config["rootfs"]["diff_ids"][0] = other.layers[0]["digest"]
        image.config = image.add(oci.CONFIG, json.dumps(config).encode())
        image.manifest = image.add(oci.MANIFEST, json.dumps(
            {"schemaVersion": 2, "mediaType": oci.MANIFEST, "config": image.config, "layers": image.layers}).encode())
        server = self.start(image)
        self.stall_layers(server, image, 1, 2)
        begin = time.monotonic()
        self.refused("pull", server.host + "/app", because="layer 0 of " + server.host + "/app:latest: ")
        self.assertLess(time.monotonic() - begin, 15)
        self.assertEqual((self.named(), self.disks()), ([], []))

    def test_an_error_ends_a_wait_between_tries(self):
        image = oci.Image(sizes=(50000,) * 2, kinds=("none",))
        server = self.start(image)
        server.fault(self.blob(image.layers[0]), registry.status(503, {"Retry-After": "50"}))

        def fail(handler):
            until(lambda: server.requests(self.blob(image.layers[0])))
            time.sleep(0.3)
            return registry.answer(handler, 404, b"{}")

        server.fault(self.blob(image.layers[1]), fail)
        begin = time.monotonic()
        self.refused("pull", server.host + "/app", because="has no app")
        self.assertLess(time.monotonic() - begin, 15)

    def test_goes_on_with_all_that_kill_9_left(self):
        image = oci.Image(sizes=(50000,) * 4, kinds=("none",))
        server = self.start(image)
        self.stall_layers(server, image, 0, 1, 2)
        pull = self.start_pull(server.host + "/app", stderr=subprocess.DEVNULL)
        self.assertTrue(until(lambda: all(self.partial_is(image, number, 20000) for number in range(3))))
        pull.send_signal(signal.SIGKILL)
        pull.wait()
        self.assertEqual((self.named(), self.disks()), ([], []))
        self.ok("pull", server.host + "/app")
        for number in range(3):
            ranges = [headers.get("range") for headers in server.requests(self.blob(image.layers[number]))]
            self.assertEqual(ranges, [None, "bytes=20000-"])
        self.assertEqual(self.blobs(), sorted(image.blobs))
        self.assertEqual((self.partials(), len(self.disks())), ([], 4))

    def test_a_layer_that_is_named_twice_comes_once(self):
        image = oci.Image(sizes=(50000,))
        config = json.loads(image.blobs[image.config["digest"]])
        config["rootfs"]["diff_ids"] *= 3
        image.config = image.add(oci.CONFIG, json.dumps(config).encode())
        image.manifest = image.add(oci.MANIFEST, json.dumps(
            {"schemaVersion": 2, "mediaType": oci.MANIFEST, "config": image.config, "layers": image.layers * 3}).encode())
        server = self.start(image)
        pulled = json.loads(self.ok("pull", "--json", server.host + "/app"))
        self.assertEqual(len({layer["root_hash"] for layer in pulled["layers"]}), 1)
        self.assertEqual(len(pulled["layers"]), 3)
        self.assertEqual(len(server.requests(self.blob(image.layers[0]))), 1)

    def test_asks_for_one_token(self):
        image = oci.Image(sizes=(3000,) * 6)
        server = self.start(image)
        server.token = "secret-token-9d1c"
        self.ok("pull", server.host + "/app")
        self.assertEqual(len(server.requests("/token")), 1)

    def test_fetches_again_what_a_second_mirror_has_to_help_with(self):
        image = oci.Image(sizes=(3000,) * 5)
        origin, mirror = self.start(image), registry.FaultyRegistry(image)
        self.addCleanup(mirror.close)
        self.environment["CAISSON_REGISTRIES"] = json.dumps(
            {"registries": {origin.host: {"http": True, "mirrors": [f"http://{mirror.host}"]}}})
        mirror.fault(self.blob(image.layers[3]), registry.status(404))
        pulled = json.loads(self.ok("pull", "--json", origin.host + "/app"))
        self.assertEqual(len(pulled["layers"]), 5)
        self.assertEqual(len(origin.requests(self.blob(image.layers[3]))), 1)
        self.assertEqual(self.blobs(), sorted(image.blobs))

    def test_makes_no_disks_where_none_are_wanted(self):
        image = oci.Image(sizes=(3000,) * 3)
        server = self.start(image)
        self.ok("pull", "--no-disks", server.host + "/app")
        self.assertEqual((self.blobs(), self.disks()), (sorted(image.blobs), []))

    def test_shows_a_bar_for_each_layer_that_comes(self):
        image = oci.Image(sizes=(50000,) * 3, kinds=("none",))
        server = self.start(image)
        self.stall_layers(server, image, 0, 1, 2, size=30000)
        own, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.environment["TERM"] = "xterm"
        process = self.start_pull(server.host + "/app", stderr=terminal)
        os.close(terminal)
        screen, most = Screen(), 0
        while True:
            try:
                text = os.read(own, 65536).decode()
            except OSError:  # the last process has closed the terminal
                break
            screen.play(text)
            bars = [line for line in screen.lines() if "downloading" in line and "[" in line and ">" in line]
            most = max(most, len(bars))
            if most == 3:
                self.released.set()
        os.close(own)
        self.assertEqual(process.wait(), 0)
        self.assertEqual(most, 3)
        hexes = [layer["digest"][7:19] for layer in image.layers]
        words = sorted(line.split("  ")[0] for line in screen.lines())
        config = image.config["digest"][7:19]
        expected = [f"{name}: {what}" for name in hexes for what in ("downloaded", "disk made")] + [f"{config}: downloaded"]
        self.assertEqual(words, sorted(expected))


if __name__ == "__main__":
    tap.main()

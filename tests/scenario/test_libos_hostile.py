#!/usr/bin/python3
"""The library OS's own image under a host that gives one wrong answer, or enters when nobody asked.

A program that checks all that it is given (tests/enclave/wary.c) runs once for each wrong answer (tests/enclave/hostile.c). It may
print what is right; or less, and then it has told of an error, or has been ended; nothing else. Left out is a host that never does
what it says that it did where everything waits for just that: it can hold up whatever it runs.

ENCLAVE_IMAGE names the enclave, ENCLAVE_RUN what runs a program in it, ENCLAVE_WARY the program, ENCLAVE_AGENT the attestation
agent's disk.
"""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import unittest

from lib import paths, tap

IMAGE, RUN, WARY = (os.path.abspath(os.environ["ENCLAVE_" + name]) for name in ("IMAGE", "RUN", "WARY"))
AGENT = os.environ.get("ENCLAVE_AGENT")  # none in a build without
HEADER = os.path.join(paths.SOURCE, "src", "enclave", "libos", "door", "door_calls.h")
DOORS = 64  # HOSTILE_DOORS
ALONE = ["input", "files", "memory", "threads", "pipes", "time", "signals", "log", "sockets", "datagrams"]
FAMILY = ["forked", "child", "run"]
QUOTES = ["quotes", "quoted"]
PRINTED = {"alone": ALONE, "family": FAMILY, "quotes": QUOTES}
LIMIT = 120  # seconds; a case takes a tenth of one
HELD_UP = 5

# Answers to a call that is not made; to one that is made, with how much was made; and what is in the buffer then.
ANSWERS = ["nothing", "no-errno", "least", "huge", "unknown", "interrupted", "wide"]
SIZES, BYTES = ["more", "less"], ["noise", "ones"]
SIZED = {"WRITE", "READ", "BLOCK", "PARK", "SEND", "RECEIVE", "GET_OPTION"}
FILLED = {"BLOCK", "CPUID", "PARK", "ACCEPT", "RECEIVE", "NAME", "GET_OPTION"}
EVENTS = ["over", "over-bytes", "taken", "gone", "spoken", "no-output", "too-much", "no-event", "no-errno", "least", "interrupted"]
# All wait for what these do: a host that says so and does nothing holds the program up. Likewise a clock at its end.
HOLDS = {"SPAWN", "ALARM", "TELL", "INPUT", "BEGIN", "CHILD"}
LOSES = {"WAKE"}
# What these take or give is the host's to change or to lose; only what the program does then counts.
STREAMS = {"WRITE", "READ", "NEXT", "TELL", "INPUT"}
# The program's own ends, a dynamic linker's, the gate's, and signals that a process has instead.
ENDS = (0, 3, 4, 127, 125, 128 + signal.SIGKILL, 128 + signal.SIGBUS, 128 + signal.SIGSEGV)


def byte(at):
    return (at * 7 + (at >> 8)) & 0xFF


def data(size):
    return bytes(map(byte, range(size)))


def doors():
    """Names by number, as the header has them."""
    with open(HEADER, encoding="ascii") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    names = re.findall(r"DOOR_(\w+)", re.search(r"enum door_number \{(.*?)\}", text, re.S).group(1))
    return {number + 1: name for number, name in enumerate(names) if name != "END"}


def build(folder):
    root = folder + "/root"
    os.makedirs(root + "/bin")
    shutil.copy(WARY, root + "/bin/wary")
    with open(root + "/data", "wb") as file:
        file.write(data(300000))
    subprocess.run(["tar", "--owner=0", "--group=0", "--numeric-owner", "--sort=name", "-C", root, "-cf", folder + "/tar", "."], check=True)
    built = subprocess.run([paths.CAISSON, "layer", "build", folder + "/tar", "-o", folder + "/disk", "--json"], check=True, capture_output=True)
    return "--layer", folder + "/disk", json.loads(built.stdout)["root_hash"]


class Case:
    def __init__(self, program, side=0, door=0, turn=0, how=""):
        self.program, self.side, self.door, self.turn, self.how = program, side, door, turn, how

    def __str__(self):
        return f"{self.program}: {'a child' if self.side else 'the first enclave'}, call {self.turn} of {doors()[self.door]}: {self.how}"


def places(count):
    return sorted({1, (count + 1) // 2, count})


def known(name, turn, program):
    """What a call of this door may be answered with, the program not held up by design."""
    made = (SIZES if name in SIZED else SIZES[:1]) + (BYTES if name in FILLED else [])
    if program == "family" and name in ("SEND", "RECEIVE"):  # who waits for bytes of a wire that are lost waits for good
        made = ["more"]
    if name in LOSES or (name == "INPUT" and turn > 1):
        return made
    without = {"nothing"} if name in HOLDS else {"huge"} if name == "CLOCK" else set()
    return [how for how in ANSWERS if how not in without] + made


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder, cls.layer, cls.names, cls.given, cls.input = folder.name, build(folder.name), doors(), 0, data(9000)

    def may_be_held_up(self, case):
        """A thread that came in the host's place is not interrupted, and the host's own is refused then."""
        if case.program == "family" and self.names[case.door] == "SPAWN":  # of threads that are said to have failed some serve a child's wire
            return True
        return case.how in ("enter-all", "flips") or (case.how == "nothing" and self.names[case.door] in HOLDS | LOSES)

    def run_one(self, case, number):
        """The code, what was printed, and the tally; a code of None when it was held up."""
        tally = f"{self.folder}/tally{number}"
        wrong = ["--wrong", f"{case.side},{case.door},{case.turn},{case.how}"] if case.how else []
        quotes = ["--quotes", AGENT] if case.program == "quotes" else []
        command = [RUN, IMAGE, "--tally", tally, *wrong, *quotes, *self.layer, "/bin/wary", case.program]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
            try:
                out, err = process.communicate(self.input, timeout=HELD_UP if self.may_be_held_up(case) else LIMIT)
                code = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
                code = None
        with open(tally, "rb") as file:
            words = struct.unpack(f"{2 * DOORS + 1}Q", file.read())
        os.unlink(tally)
        return code, out, err, words

    def judge(self, case, result):
        """What is wrong with it, or None."""
        code, out, err, _ = result
        right = "".join(line + "\n" for line in PRINTED[case.program]).encode()
        if code is None and not self.may_be_held_up(case):
            return "is held up"
        if b"WRONG" in out or code not in (*ENDS, None):
            return "something is wrong inside"
        if b"AddressSanitizer" in err or b"runtime error" in err:
            return "the host's half is wrong"
        if case.how == "flips" or self.names[case.door] in STREAMS and case.how not in ("enter-all", "enter-here"):
            return None
        whole = re.sub(rb"told: [^\n]*\n", b"", out)
        if not right.startswith(whole) or (code == 0 and out != right):
            return "another output than the right one"
        return None

    def check(self, cases, at_once=3):
        """How many wrong answers were given."""
        bad, lies = [], 0
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            for case, result in zip(cases, pool.map(self.run_one, cases, range(len(cases)))):
                lies += result[3][-1] > 0
                problem = self.judge(case, result)
                if problem:
                    bad.append(f"{case}: {problem}: {result[0]} {result[1].decode(errors='replace')!r} {result[2].decode(errors='replace')!r}")
        print(f"# {len(cases)} runs, {lies} of them with a wrong answer")
        self.assertEqual(bad, [], "\n".join(bad))
        self.assertGreater(lies, len(cases) // 2)

    def calls(self, program):
        """How often each door is asked by whom; it runs well without a wrong answer."""
        case = Case(program, door=1)
        result = self.run_one(case, program)
        self.assertEqual((result[0], self.judge(case, result)), (0, None), result[1:3])
        return {(i // DOORS, i % DOORS): count for i, count in enumerate(result[3][:-1]) if count > 0 and i % DOORS in self.names}

    def answers(self, program, chosen):
        """Cases; of the call's number among those of its door and side, and of what may be answered, `chosen` takes some."""
        cases = []
        for (side, door), count in self.calls(program).items():
            name = self.names[door]
            for place, turn in enumerate(places(count) if name != "NEXT" else []):
                cases += [Case(program, side, door, turn, how) for how in chosen(side, door, place, known(name, turn, program))]
        return cases

    def test_wrong_answers_to_one_process(self):
        """All that there are to the first call of each door, some to one in the middle and to the last."""
        self.check(self.answers("alone", lambda _, door, place, ways: ways if place == 0 else ways[(door + place) % 4 :: 4]))

    def test_wrong_answers_to_several_processes(self):
        """All of them where only processes ask, some to others."""
        only = {door for door, name in self.names.items() if name in ("CHILD", "DIAL", "ARRIVE", "TRIM", "REMOVE")}

        def chosen(side, door, place, ways):
            if door in only:
                return ways if place == 0 else []
            return ways[(door + place + side) % 6 :: 6]

        self.check(self.answers("family", chosen))

    @unittest.skipUnless(AGENT, "this build has no attestation agent, and without its disk no program has quotes")
    def test_wrong_answers_to_who_wants_quotes(self):
        """The first two quotes are a program's of the first enclave, the third is a child's; each is received in two pieces at least."""
        number = {name: door for door, name in self.names.items()}
        calls, cases = self.calls("quotes"), []
        self.assertEqual(calls[0, number["QUOTE"]], 3)
        for turn in (1, 2, 3):
            ways = known("QUOTE", turn, "quotes") + ["another", "twice"]
            cases += [Case("quotes", 0, number["QUOTE"], turn, how) for how in ways + (["first"] if turn < 3 else [])]
            cases += [Case("quotes", 0, number["RECEIVE"], turn, how) for how in known("RECEIVE", turn, "quotes")]
        self.check(cases)

    def test_events_that_did_not_happen(self):
        (door,) = (door for door, name in self.names.items() if name == "NEXT")
        count = self.calls("alone")[0, door]
        known = {turn: [how for how in EVENTS if how != "no-output" or turn == 1] for turn in places(count)}  # nobody reads on then
        self.check([Case("alone", 0, door, turn, how) for turn, ways in known.items() for how in ways])

    def test_entries_that_nobody_asked_for(self):
        """By each TCS with each way of starting, and where a thread waits for an answer, at moments of all kinds."""
        cases = []
        moments = {"alone": ("CPUID", "BLOCK", "GROW", "BEGIN", "TELL", "PARK", "RESTRICT", "WRITE", "CLOCK"), "family": ("CHILD", "TRIM", "SPAWN", "DIAL", "SEND")}
        for program, names in moments.items():
            for (side, door), count in self.calls(program).items():
                if self.names[door] in names:
                    cases += [Case(program, side, door, places(count)[-1 if count > 20 else 0], how) for how in ("enter-all", "enter-here")]
        self.check(cases)

    def test_words_that_change_while_they_are_looked_at(self):
        """A thread of the host's turns the bits of sizes, handles and addresses over and over: what is outside is copied once, then looked at.
        What the program is given then is the host's to change, and what it waits for; never more than there is room for, or what it does not own."""
        moments = {"alone": ("CPUID", "BLOCK", "PARK", "SEND", "RECEIVE"), "family": ("DIAL", "SEND")}
        cases = []
        for program, names in moments.items():
            for (side, door), count in self.calls(program).items():
                if self.names[door] in names:
                    cases.append(Case(program, side, door, places(count)[0], "flips"))
        self.check(cases)

    def test_what_holds_up_does_no_more(self):
        """Who says that a thread was started or woken, and did nothing, stops the program: what it printed was right."""
        cases = []
        for (side, door), count in self.calls("alone").items():
            if self.names[door] in HOLDS | LOSES:
                cases += [Case("alone", side, door, turn, "nothing") for turn in places(count)[:2]]
        self.check(cases, len(cases))


if __name__ == "__main__":
    tap.main()

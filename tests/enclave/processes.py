"""Processes as Python makes them: what is printed is the same inside an enclave and outside."""
import os
import signal
import subprocess

print(subprocess.run(["/bin/cat"], input=b"abc" * 50000, capture_output=True, check=True).stdout == b"abc" * 50000)
print(subprocess.run(["/bin/dash", "-c", "echo out; echo err >&2; exit 3"], capture_output=True, check=False))
print(subprocess.run(["/bin/dash", "-c", "echo $A"], env={"A": "b"}, cwd="/", stdout=subprocess.PIPE, check=True).stdout)
print(subprocess.run("echo of a shell", shell=True, executable="/bin/dash", preexec_fn=os.getpid, stdout=subprocess.PIPE, check=True).stdout)

for number in (signal.SIGTERM, signal.SIGKILL):
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        process.send_signal(number)
        print(process.wait())

with subprocess.Popen(["/bin/dash", "-c", "echo one; echo two"], stdout=subprocess.PIPE) as first:
    print(subprocess.run(["/bin/cat"], stdin=first.stdout, capture_output=True, check=True).stdout)
print(first.returncode)

try:
    subprocess.run(["/none"], check=False)
except FileNotFoundError as error:
    print(error)

print(os.posix_spawn("/bin/dash", ["dash", "-c", "exit 9"], {}) > 0, os.wait()[1] >> 8)
ends = os.pipe()
child = os.fork()
if child == 0:
    told = subprocess.run(["/bin/cat"], input=b"a child's child", stdout=subprocess.PIPE, check=True).stdout
    os.write(ends[1], told)
    os._exit(4)
print(os.read(ends[0], 100), os.waitpid(child, 0)[1] >> 8)

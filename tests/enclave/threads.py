"""Threads and signals of Python's: prints the same inside and outside of an enclave."""
import concurrent.futures
import os
import queue
import signal
import threading
import time

total = 0
lock = threading.Lock()


def work(n):
    global total
    for _ in range(200):
        with lock:
            total += n
    return n * n


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sorted(pool.map(work, range(16))), total)
q = queue.Queue()


def consume(out):
    while (item := q.get()) is not None:
        out.append(item)


out = []
t = threading.Thread(target=consume, args=(out,))
t.start()
for i in range(50):
    q.put(i)
q.put(None)
t.join()
print(out == list(range(50)))
e = threading.Event()
timer = threading.Timer(0.05, e.set)
timer.start()
print(e.wait(10), e.is_set())
hits = []
signal.signal(signal.SIGALRM, lambda n, f: hits.append(n))
signal.setitimer(signal.ITIMER_REAL, 0.02)
while not hits:
    time.sleep(0.01)
print(hits[0] == signal.SIGALRM)
signal.signal(signal.SIGUSR1, lambda n, f: hits.append(n))
os.kill(os.getpid(), signal.SIGUSR1)
print(hits[-1] == signal.SIGUSR1)
print(threading.active_count(), threading.current_thread().name)

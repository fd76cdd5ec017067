"""A headless Chromium, driven through a pipe by its DevTools protocol: real clicks and keys, and the tree that a
screen reader is given."""
import base64
import fcntl
import json
import os
import shutil
import signal
import tempfile
import time

PROGRAM = shutil.which("chromium")
TIMEOUT = 60
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36, "ArrowUp": 38, "ArrowDown": 40}


class Chromium:
    """A browser; a context. Its pages are independent of one another but for their cookies."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-chromium-")
        self.number = 0
        self.rest = b""
        self.log = os.path.join(self.folder, "log")
        to_read, self.write_fd = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in pair())
        self.read_fd, to_write = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in pair())
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        words = [PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
                 "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
                 "--hide-scrollbars", "--force-color-profile=srgb", f"--user-data-dir={self.folder}/profile",
                 "--remote-debugging-pipe", "about:blank"]  # fmt: skip
        self.pid = os.posix_spawn(PROGRAM, words, dict(os.environ, HOME=self.folder), setsid=True, file_actions=[
            (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2),  # it may be 3 or 4 itself
            (os.POSIX_SPAWN_DUP2, to_read, 3), (os.POSIX_SPAWN_DUP2, to_write, 4)])  # fmt: skip
        for fd in (to_read, to_write, log):
            os.close(fd)
        os.set_blocking(self.read_fd, False)
        return self

    def __exit__(self, *_):
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.read_fd)
        os.close(self.write_fd)
        shutil.rmtree(self.folder, ignore_errors=True)

    def take(self, deadline):
        """The next message."""
        while b"\0" not in self.rest:
            try:
                part = os.read(self.read_fd, 1 << 20)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError("the browser says nothing") from None
                time.sleep(0.002)
                continue
            if not part:
                with open(self.log, encoding="utf-8", errors="replace") as file:
                    raise RuntimeError("the browser ended: " + file.read()[-2000:])
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write_fd, data):]
        deadline = time.monotonic() + TIMEOUT
        while True:
            answer = self.take(deadline)
            if answer.get("id") == self.number:
                break
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def page(self, width=1200, height=900):
        return Page(self, width, height)


def pair():
    """A pipe's two ends, which are closed once they have been copied."""
    ends = os.pipe()
    for fd in ends:
        yield fd
        os.close(fd)


class Page:
    def __init__(self, browser, width, height):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "DOM", "Accessibility"):
            self.call(domain + ".enable")
        self.call("Security.setIgnoreCertificateErrors", ignore=True)
        self.resize(width, height)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def resize(self, width, height, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, url):
        result = self.call("Page.navigate", url=url)
        if result.get("errorText"):
            raise RuntimeError(result["errorText"])
        end = time.monotonic() + TIMEOUT
        while result.get("loaderId") and self.loader() != result["loaderId"]:  # until then the old page answers
            if time.monotonic() > end:
                raise TimeoutError(f"never open: {url}")
            time.sleep(0.002)
        self.wait("document.readyState === 'complete'")

    def loader(self):
        """Which load the page's document comes from."""
        return self.call("Page.getFrameTree")["frameTree"]["frame"]["loaderId"]

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True,
                           timeout=TIMEOUT * 1000)  # fmt: skip
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, condition):
        """Until it holds, in the page."""
        end = time.monotonic() + TIMEOUT
        while not self.evaluate(f"""new Promise((done) => {{
                const until = performance.now() + 5000;
                const look = () => {{
                    if ({condition}) done(true);
                    else if (performance.now() > until) done(false);
                    else setTimeout(look, 10);
                }};
                look();
            }})"""):  # fmt: skip
            if time.monotonic() > end:
                raise TimeoutError(f"never: {condition}\n" + self.evaluate("document.body.innerText")[:3000])

    def tree(self):
        """What a screen reader has: (role, name, properties) of each node that is not ignored."""
        nodes = []
        for node in self.call("Accessibility.getFullAXTree")["nodes"]:
            if not node.get("ignored"):
                nodes.append({"role": node["role"]["value"], "name": node.get("name", {}).get("value", ""),
                              "node": node.get("backendDOMNodeId"),
                              **{item["name"]: item["value"].get("value") for item in node.get("properties", [])}})
        return nodes

    def find(self, role, name, exact=False):
        """The first of this role whose name holds this, or is it. What has just been shown is in the tree a moment later."""
        end = time.monotonic() + TIMEOUT
        while True:
            nodes = self.tree()
            found = [node for node in nodes if node["role"] == role and (name == node["name"] if exact else name in node["name"])]
            if found:
                return found[0]
            if time.monotonic() > end:
                raise LookupError(f"no {role} \"{name}\" in " + str([(node["role"], node["name"]) for node in nodes
                                                                     if node["role"] not in ("InlineTextBox", "StaticText")]))
            time.sleep(0.02)

    def click(self, role, name, exact=False):
        """A page still moves while answers come in: what was missed is clicked again, once it stands still."""
        node = self.find(role, name, exact)["node"]
        element = self.call("DOM.resolveNode", backendNodeId=node)["object"]["objectId"]
        self.ask_of(element, "function() { this.addEventListener('click', () => { this.wasClicked = true; }, {capture: true}); }")
        end = time.monotonic() + TIMEOUT
        while True:
            x, y = self.place(node)
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            if self.ask_of(element, "function() { const was = this.wasClicked; delete this.wasClicked; return Boolean(was); }"):
                return
            if time.monotonic() > end:
                raise TimeoutError(f"the {role} \"{name}\" cannot be clicked")

    def ask_of(self, element, function):
        return self.call("Runtime.callFunctionOn", objectId=element, functionDeclaration=function,
                         returnByValue=True)["result"].get("value")  # fmt: skip

    def place(self, node):
        """The middle of a node that two frames show at the same place."""
        end = time.monotonic() + TIMEOUT
        last = None
        while True:
            self.call("DOM.scrollIntoViewIfNeeded", backendNodeId=node)
            quad = self.call("DOM.getContentQuads", backendNodeId=node)["quads"][0]
            if quad == last or time.monotonic() > end:
                return sum(quad[0::2]) / 4, sum(quad[1::2]) / 4
            last = quad
            self.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")

    def press(self, key, shift=False, control=False):
        code = KEYS.get(key) or ord(key.upper())
        text = {"Enter": "\r", " ": " "}.get(key)
        more = {"key": key, "code": key if len(key) > 1 else "Space" if key == " " else "Key" + key.upper(),
                "windowsVirtualKeyCode": code, "modifiers": 8 * shift + 2 * control}  # fmt: skip
        if control and key == "a":
            more["commands"] = ["selectAll"]
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **more, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **more)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def focused(self):
        """(role, name) of what has the focus."""
        for node in self.tree():
            if node.get("focused") and node["role"] != "RootWebArea":
                return node["role"], node["name"]
        return None

    def tab_to(self, role, name, limit=80):
        """Presses Tab until this has the focus, as who has no mouse does."""
        for _ in range(limit):
            self.press("Tab")
            focused = self.focused()
            if focused and focused[0] == role and name in focused[1]:
                return
        raise LookupError(f"Tab never comes to the {role} \"{name}\"")

    def text(self):
        return self.evaluate("document.body.innerText")

    def picture(self, path):
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        with open(path, "wb") as file:
            file.write(data)

"""A key distribution service that speaks AMD's paths, and a THIM endpoint; both misbehave on demand."""
import http.server
import json
import ssl
import threading
import time
import urllib.parse

from .registry import answer

THIM = "/metadata/THIM/amd/certification"


class Service:
    """Serves `documents` {path with query: (content type, bytes)}; faults as in registry.FaultyRegistry."""

    def __init__(self, documents, tls=None):
        service = self
        self.documents, self.faults, self.log = dict(documents), {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                service.handle(self)

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *args):
                """A client that hangs up on us is what some tests want."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        scheme, name = ("https", "localhost") if tls else ("http", "127.0.0.1")
        self.url = f"{scheme}://{name}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def fault(self, path, *faults):
        self.faults.setdefault(path, []).extend(faults)

    def count(self, path):
        return sum(urllib.parse.urlsplit(seen).path == path for seen, _, _ in self.log)

    def times(self, path):
        return [when for seen, _, when in self.log if urllib.parse.urlsplit(seen).path == path]

    def handle(self, handler):
        path = urllib.parse.urlsplit(handler.path).path
        self.log.append((handler.path, dict(handler.headers), time.monotonic()))
        waiting = self.faults.get(path)
        if waiting and waiting.pop(0)(handler):
            return
        kind, body = self.documents.get(handler.path, (None, None))
        if path == THIM and handler.headers.get("Metadata") != "true":
            answer(handler, 400, b'{"error":"Bad request. Required metadata header not specified"}')
        elif body is None:
            answer(handler, 404, b"no such document")
        else:
            answer(handler, 200, body, {"Content-Type": kind})


def kds_documents(authority, leaf_der, chip_id, tcb):
    """What AMD's service has for one chip: the VCEK in DER, both chains in PEM (ASK, ARK), the list in DER."""
    product, turin = authority.product, authority.product == "Turin"
    parts = (("fmcSPL", 0), ("blSPL", 1), ("teeSPL", 2), ("snpSPL", 3), ("ucodeSPL", 7)) if turin else (
        ("blSPL", 0), ("teeSPL", 1), ("snpSPL", 6), ("ucodeSPL", 7))  # fmt: skip
    query = "&".join(f"{name}={tcb[at]:02}" for name, at in parts)
    crl = authority.crl()
    return {
        f"/vcek/v1/{product}/{chip_id.hex()}?{query}": ("application/pkix-cert", leaf_der),
        f"/vcek/v1/{product}/cert_chain": ("application/x-pem-file", authority.read("ask.pem") + authority.read("ark.pem")),
        f"/vlek/v1/{product}/cert_chain": ("application/x-pem-file", authority.read("asvk.pem") + authority.read("ark.pem")),
        f"/vcek/v1/{product}/crl": ("application/pkix-crl", crl),
    }


def thim_document(authority, leaf_pem, tcb):
    return json.dumps({"vcekCert": leaf_pem.decode(), "tcbm": tcb[::-1].hex().upper(),
                       "certificateChain": (authority.read("ask.pem") + authority.read("ark.pem")).decode(),
                       "cacheControl": "86400"}).encode()


def slow(seconds):
    def fault(handler):
        time.sleep(seconds)
        return answer(handler, 200, b"too late")
    return fault

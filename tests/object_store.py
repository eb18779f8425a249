"""A real S3 server on loopback, and a connection to it that breaks."""

import socket
import threading
from contextlib import contextmanager, suppress

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
BUCKET = "campus"


def forget_stores():
    """Let fsspec read the environment again, which it does once for each store."""
    import fsspec  # noqa: PLC0415 - some sessions lack it

    fsspec.filesystem("s3").clear_instance_cache()


class Store:
    """The bucket of a server, which fsspec finds by the environment."""

    def __init__(self, address):
        self.address = address
        self.url = f"s3://{BUCKET}"

    def environ(self, address=None, key_id=KEY_ID, secret=SECRET):
        return {
            "AWS_ENDPOINT_URL": address or self.address,
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def files(self):
        import fsspec  # noqa: PLC0415

        fs = fsspec.filesystem("s3", use_listings_cache=False)
        fs.invalidate_cache()
        return fs

    def put(self, name, data):
        self.files.pipe_file(f"{BUCKET}/{name}", data)
        return f"{self.url}/{name}"

    def get(self, name):
        return self.files.cat_file(f"{BUCKET}/{name}")

    def names(self, below=""):
        return sorted(
            name.removeprefix(f"{BUCKET}/")
            for name in self.files.find(f"{BUCKET}/{below}".rstrip("/"))
        )

    @contextmanager
    def locked(self):
        """Let the server check keys, of which it knows none."""
        from moto import settings  # noqa: PLC0415 - seconds

        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        try:
            yield
        finally:
            settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")

    def clear(self):
        for name in self.names():
            self.files.rm_file(f"{BUCKET}/{name}")


@contextmanager
def serve_s3():
    """Serve S3 by HTTP in a thread."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - seconds

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Store(f"http://{host}:{port}")
    finally:
        server.stop()


class Proxy:
    """Passes connections on to an address; cuts each after some bytes of an answer."""

    def __init__(self, address):
        host, port = address.removeprefix("http://").split(":")
        self._target = host, int(port)
        # bytes, over all connections, that the server sends, or the client
        self.cut_after = self.cut_sent_after = None
        self.n_passed = [0, 0]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for pair, from_server in (((client, server), 0), ((server, client), 1)):
                    threading.Thread(
                        target=self._pass, args=(*pair, from_server), daemon=True
                    ).start()

    def _pass(self, source, target, from_server):
        with suppress(OSError):
            while data := source.recv(2**14):
                limit = self.cut_after if from_server else self.cut_sent_after
                self.n_passed[from_server] += len(data)
                if limit is not None and self.n_passed[from_server] > limit:
                    target.sendall(data[: limit - self.n_passed[from_server]])
                    break
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

"""A webhook on a real socket, as chat programs have them."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hook:
    """Answers each post with the next of `statuses`, then with 200."""

    def __init__(self, statuses=()):
        self.posts = []
        self._changed = threading.Condition()
        self._statuses = list(statuses)
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = hook._statuses.pop(0) if hook._statuses else 200
                with hook._changed:
                    hook.posts.append((self.path, dict(self.headers), body, status))
                    hook._changed.notify_all()
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?key=k"

    @contextmanager
    def listening(self):
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def wait_for(self, posts):
        """Until there were so many, whatever was answered."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.posts) >= posts, timeout=60)

    @property
    def taken(self):
        return [body for _, _, body, status in self.posts if status == 200]

    @property
    def events(self):
        return [body["event"] for body in self.taken]

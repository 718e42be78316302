"""A hub for tests: a server on this machine that answers the real client as the Hugging Face hub answers it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Hub:
    """Repositories by id: their files by commit, what their branches point to, and their licence."""

    url: str = ""
    files: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    refs: dict[str, dict[str, str]] = field(default_factory=dict)
    licence: str | None = "apache-2.0"
    asked: list[str] = field(default_factory=list)

    def push(self, repo: str, files: dict[str, bytes], branch: str = "main") -> str:
        """Make a commit of `files` on a branch of `repo`, and give its id."""
        before = self.files.setdefault(repo, {})
        commit = hashlib.sha1(f"{repo} {len(before)}".encode()).hexdigest()
        before[commit] = files
        self.refs.setdefault(repo, {})[branch] = commit
        return commit

    def found(self, repo: str, revision: str) -> str | None:
        """The commit that a revision is."""
        commits = self.files.get(repo, {})
        return revision if revision in commits else self.refs.get(repo, {}).get(revision)


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub that is empty, while it is open."""
    hub = Hub()

    class Answers(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            parts = unquote(urlsplit(self.path).path).strip("/").split("/")
            hub.asked.append(f"{self.command} {'/'.join(parts)}")
            if parts[:2] == ["api", "models"] and parts[4:5] == ["revision"]:
                repo, commit = "/".join(parts[2:4]), hub.found("/".join(parts[2:4]), parts[5])
                tags = [f"license:{hub.licence}"] if hub.licence else []
                body = json.dumps({"id": repo, "sha": commit, "tags": tags, "siblings": []}).encode()
                self._send(200, body, {"Content-Type": "application/json"})
                return
            if parts[2:3] != ["resolve"]:
                self._send(404, b"", {})
                return
            repo, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
            commit = hub.found(repo, revision)
            if commit is None:
                code = "RevisionNotFound" if repo in hub.files else "RepoNotFound"
                self._send(404, b"", {"X-Error-Code": code})
            elif name not in hub.files[repo][commit]:
                self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            else:
                held = hub.files[repo][commit][name]
                etag = hashlib.sha256(held).hexdigest()
                self._send(200, held, {"X-Repo-Commit": commit, "ETag": f'"{etag}"'})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

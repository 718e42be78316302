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
    gated: bool = False  # whether its licences must be accepted first
    hangs_up: dict[str, int] = field(default_factory=dict)  # by file: after how many bytes of it
    ranges: dict[str, str] = field(default_factory=dict)  # by file: what part of it was asked for last

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
            if hub.gated:
                self._send(403, b"", {"X-Error-Code": "GatedRepo"})
                return
            if parts[:2] == ["api", "models"] and len(parts) > 5:
                self._about("/".join(parts[2:4]), parts[4], parts[5])
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
                self._send_file(name, held, {"X-Repo-Commit": commit, "ETag": f'"{etag}"'})

        def _about(self, repo: str, what: str, revision: str) -> None:
            commit = hub.found(repo, revision)
            if commit is None:
                self._send(
                    404, b"", {"X-Error-Code": "RevisionNotFound" if repo in hub.files else "RepoNotFound"}
                )
                return
            held = hub.files[repo][commit]
            if what == "tree":
                entries = [
                    {"type": "file", "path": n, "size": len(b), "oid": hashlib.sha1(b).hexdigest()}
                    for n, b in held.items()
                ]
                body = json.dumps(entries).encode()
            else:
                tags = [f"license:{hub.licence}"] if hub.licence else []
                siblings = [{"rfilename": name, "size": len(of)} for name, of in held.items()]
                body = json.dumps({"id": repo, "sha": commit, "tags": tags, "siblings": siblings}).encode()
            self._send(200, body, {"Content-Type": "application/json"})

        def _send_file(self, name: str, held: bytes, headers: dict[str, str]) -> None:
            asked, whole = self.headers.get("Range"), len(held)
            if asked and self.command == "GET":
                hub.ranges[name] = asked
                start = int(asked.removeprefix("bytes=").split("-")[0])
                held = held[start:]
                headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
            cut = hub.hangs_up.get(name) if self.command == "GET" else None
            if cut is not None and not asked:
                self._send(200, held[:cut], {**headers, "Content-Length": str(whole)})
            elif cut is not None:
                self._send(503, b"", {})
            else:
                self._send(206 if "Content-Range" in headers else 200, held, headers)

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
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

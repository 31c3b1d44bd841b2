"""A stand-in for the APIs of three models, so that real agents can work without one: a command first, then a sentence.

It answers Anthropic's messages, OpenAI's responses and Gemini's generateContent, streamed as server-sent events, as far
as Claude Code, Codex and Gemini CLI ask for them. Every answer says the same usage.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple, TypeAlias

Message: TypeAlias = Mapping[str, Any]


class Usage(NamedTuple):
    """Tokens that every answer says it took: disjoint, as a report sums them up."""

    uncached: int
    cache_read: int
    output: int
    reasoning: int


#: Each agent asks twice: for a command, and what to say when it has run.
ANSWERS = 2
CLAUDE = Usage(100, 20, 30, 0)
CODEX = Usage(40, 10, 5, 2)
GEMINI = Usage(40, 0, 5, 0)


_FAILURE = b'{"type": "error", "error": {"type": "authentication_error", "message": "no such key"}}'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    #: What the agents are told to run, and the status that all requests get instead of an answer if it is not 200.
    asks_for: ClassVar[str] = "true"
    status: ClassVar[int] = 200

    def do_HEAD(self) -> None:
        self._send("application/json", b"")

    def do_GET(self) -> None:
        self._send("application/json", b'{"data": [], "models": []}')

    def do_POST(self) -> None:
        request = json.loads(self._body() or b"{}")
        if self.status != HTTPStatus.OK:
            self._send("application/json", _FAILURE)
        elif "/messages/count_tokens" in self.path:
            self._send("application/json", b'{"input_tokens": 1}')
        elif "/messages" in self.path:
            self._stream(_anthropic(request, self.asks_for), named=True)
        elif "/responses" in self.path:
            self._stream(_openai(request, self.asks_for), named=True)
        else:
            self._stream(_gemini(request, self.asks_for), named=False)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _stream(self, messages: Iterator[Message], *, named: bool) -> None:
        lines = []
        for each in messages:
            lines += [f"event: {each['type']}\n"] if named else []
            lines += [f"data: {json.dumps(each)}\n\n"]
        self._send("text/event-stream", "".join(lines).encode())

    def _send(self, content_type: str, body: bytes) -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("request-id", "req_standin")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class calls it so
        pass


@contextmanager
def model_api(command: str, *, status: int = 200) -> Iterator[str]:
    """Serve the stand-in on a free port of the loopback interface and give its base URL.

    Args:
        command: what the agents are told to run.
        status: what every request is answered with; other than 200 for a model that fails.
    """
    handler = type("Handler", (_Handler,), {"asks_for": command, "status": status})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _anthropic(request: Message, command: str) -> Iterator[Message]:
    asked = [block for message in request.get("messages", ()) for block in _blocks(message.get("content"))]
    has_run = any(block.get("type") == "tool_result" for block in asked)
    offered = {tool.get("name") for tool in request.get("tools", ())}
    usage = {"input_tokens": CLAUDE.uncached, "cache_read_input_tokens": CLAUDE.cache_read, "output_tokens": 1}
    head: Message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": request.get("model"),
        "content": [],
    }
    yield {
        "type": "message_start",
        "message": {**head, "model": request.get("model"), "stop_reason": None, "usage": usage},
    }
    if "Bash" in offered and not has_run:
        block: Message = {"type": "tool_use", "id": "toolu_standin", "name": "Bash", "input": {}}
        delta: Message = {"type": "input_json_delta", "partial_json": json.dumps({"command": command})}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": "All done."}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    reason = "tool_use" if block["type"] == "tool_use" else "end_turn"
    yield {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": CLAUDE.output}}
    yield {"type": "message_stop"}


def _blocks(content: Any) -> Sequence[Message]:
    return content if isinstance(content, list) else ()


def _openai(request: Message, command: str) -> Iterator[Message]:
    has_run = any(item.get("type") == "function_call_output" for item in request.get("input", ()))
    offered = {tool.get("name") for tool in request.get("tools", ())}
    arguments = {"exec_command": {"cmd": command}, "shell_command": {"command": command}}
    name = next((each for each in arguments if each in offered), "")
    item: Message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]}
    if name and not has_run:
        item = {"type": "function_call", "call_id": "call_1", "name": name, "arguments": json.dumps(arguments[name])}
    total = CODEX.uncached + CODEX.cache_read
    usage = {
        "input_tokens": total,
        "input_tokens_details": {"cached_tokens": CODEX.cache_read},
        "output_tokens": CODEX.output + CODEX.reasoning,
        "output_tokens_details": {"reasoning_tokens": CODEX.reasoning},
        "total_tokens": total + CODEX.output + CODEX.reasoning,
    }
    yield {"type": "response.created", "response": {"id": "resp_1"}}
    yield {"type": "response.output_item.done", "item": item}
    yield {"type": "response.completed", "response": {"id": "resp_1", "usage": usage}}


def _gemini(request: Message, command: str) -> Iterator[Message]:
    parts = [part for content in request.get("contents", ()) for part in content.get("parts", ())]
    has_run = any("functionResponse" in part for part in parts)
    call = {"functionCall": {"name": "run_shell_command", "args": {"command": command}}}
    part: Message = {"text": "Done."} if has_run or not request.get("tools") else call
    yield {
        "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": GEMINI.uncached,
            "candidatesTokenCount": GEMINI.output,
            "totalTokenCount": GEMINI.uncached + GEMINI.output,
        },
        "modelVersion": "gemini-standin",
        "responseId": "response_1",
    }

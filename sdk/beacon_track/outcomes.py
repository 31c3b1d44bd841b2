"""How a command ended, in one word [T3]."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    Outcome = Literal[
        "success", "cancelled", "auth_required", "validation_error", "api_error", "timeout", "error", "crash"
    ]

OUTCOMES = frozenset(
    ("success", "cancelled", "auth_required", "validation_error", "api_error", "timeout", "error", "crash")
)
#: What exit codes mean; any other but 0 is an `error`. 2 is what click, typer and argparse end with after a wrong use.
_OF_EXIT_CODE: dict[int, Outcome] = {
    0: "success",
    2: "validation_error",
    64: "validation_error",  # sysexits.h: EX_USAGE
    65: "validation_error",  # EX_DATAERR
    69: "api_error",  # EX_UNAVAILABLE
    77: "auth_required",  # EX_NOPERM
    124: "timeout",  # timeout(1)
    130: "cancelled",  # 128 + SIGINT
    143: "cancelled",  # 128 + SIGTERM
}
#: Of HTTP statuses that an exception carries; any other is an `api_error`.
_OF_STATUS: dict[int, Outcome] = {
    400: "validation_error",
    401: "auth_required",
    403: "auth_required",
    408: "timeout",
    422: "validation_error",
    504: "timeout",
}
#: By the names of classes, so that nothing has to be imported: of Python, click, typer, requests and httpx.
_OF_CLASS: dict[str, Outcome] = {
    "KeyboardInterrupt": "cancelled",
    "Abort": "cancelled",
    "CancelledError": "cancelled",
    "BrokenPipeError": "cancelled",
    "GeneratorExit": "cancelled",
    "UsageError": "validation_error",
    "ClickException": "error",
    "TimeoutError": "timeout",
    "Timeout": "timeout",
    "TimeoutException": "timeout",
    "ConnectionError": "api_error",
    "TransportError": "api_error",
    "URLError": "api_error",
}
_COMMAND_NOT_RUN = 1


def of_exit_code(code: int) -> Outcome:
    """Return what a command's exit code says."""
    return _OF_EXIT_CODE.get(code, "error")


def classify(error: BaseException | None, own: Mapping[type[BaseException], Outcome]) -> tuple[Outcome, int]:
    """Return how a command ended and the exit code of a process that ends so, from what left it.

    Args:
        error: the exception; nothing if there was none.
        own: what exceptions of the application mean; subclasses count, too.
    """
    if error is None:
        return "success", 0
    for kind, outcome in own.items():
        if isinstance(error, kind):
            return outcome, _exit_code(error)
    if isinstance(error, SystemExit):
        code = _exit_code(error)
        return of_exit_code(code), code
    status = _status(error)
    if status:
        return _OF_STATUS.get(status, "api_error"), _exit_code(error)
    for base in type(error).__mro__:
        if base.__name__ in _OF_CLASS:
            return _OF_CLASS[base.__name__], _exit_code(error)
    return "crash", _exit_code(error)


def _exit_code(error: BaseException) -> int:
    """Return the exit code of the process if nobody catches this."""
    if isinstance(error, SystemExit):
        if error.code is None:
            return 0
        return error.code & 0xFF if isinstance(error.code, int) else 1
    if isinstance(error, KeyboardInterrupt):
        return 130
    code = _get(error, "exit_code")
    return code & 0xFF if isinstance(code, int) else _COMMAND_NOT_RUN


def _status(error: BaseException) -> int:
    """Return the HTTP status that an exception carries, as those of requests, httpx, urllib and others do; or 0."""
    for owner, name in ((_get(error, "response"), "status_code"), (error, "status_code"), (error, "status")):
        status = _get(owner, name)
        if isinstance(status, int) and _is_failure(status):
            return status
    code = _get(error, "code")
    return code if type(error).__name__ == "HTTPError" and isinstance(code, int) and _is_failure(code) else 0


def _get(owner: object, name: str) -> object:
    """Return an attribute of somebody else's object, nothing if there is none or it cannot be read."""
    try:
        return getattr(owner, name, None)
    except Exception:  # noqa: BLE001 - the program's own properties
        return None


def _is_failure(status: int) -> bool:
    return 400 <= status <= 599  # noqa: PLR2004 - HTTP's failures

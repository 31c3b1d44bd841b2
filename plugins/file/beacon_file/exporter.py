"""The file exporter: appends batches to a file and turns what the operating system says into Beacon's errors."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from beacon_core import Batch, ConfigurationError, Exporter, Host, RetryableError, encode_lines
from beacon_file.config import FileConfig
from beacon_file.rotation import compress_all, delete_oldest, put_aside
from beacon_file.target import AppendFile, NotAFileError, NotUndoneError

#: Only the operator can change these; a full disk, a vanished directory or an I/O error may pass by itself.
_OPERATOR = {
    errno.EACCES,
    errno.EPERM,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.EINVAL,
}


class FileExporter(Exporter):
    """Appends events to a file as JSON lines: `file`.

    A batch is in the file whole or not at all. One exporter writes to a file; readers may follow it at any time.
    """

    config_class = FileConfig
    config: FileConfig
    _file: AppendFile | None = None

    def start(self, host: Host) -> None:
        super().start(host)
        try:
            with _explained(self._target().path):
                self._target().open()
        except RetryableError as error:
            host.logger.warning("%s; tried again with the first batch", error)

    def export(self, batch: Batch) -> None:
        data = encode_lines(batch)
        if not data:
            return
        file = self._target()
        with _explained(file.path):
            file.open()
            if self._is_full(file, len(data)):
                self._rotate(file)
            file.append(data)

    def shutdown(self, timeout: float) -> None:  # noqa: ARG002 - a disk knows no time-out
        if self._file is None:
            return
        try:
            self._file.sync()
        except OSError as error:
            self.host.logger.error("%s: %s; the last lines may be lost", self._file.path, error.strerror)  # noqa: TRY400
        self._file.close()

    def _target(self) -> AppendFile:
        """Return the file; its path is settled once, so that a later change of the working directory does no harm."""
        if self._file is None:
            path = os.path.realpath(os.path.expanduser(self.config.path))  # noqa: PTH111 - never raises, unlike pathlib's
            self._file = AppendFile(Path(path), fsync=self.config.fsync)
        return self._file

    def _is_full(self, file: AppendFile, more: int) -> bool:
        rotation = self.config.rotation
        return rotation is not None and (size := file.size()) > 0 and size + more > rotation.max_bytes

    def _rotate(self, file: AppendFile) -> None:
        """Put the full file aside and begin a new one."""
        file.sync()
        file.close()
        put_aside(file.path, self.host.clock())
        file.open()
        self._tidy(file.path)

    def _tidy(self, path: Path) -> None:
        """Compress and delete old files. No reason to keep back events: what fails is tried again at the next time."""
        rotation = self.config.rotation
        if rotation is None:
            return
        try:
            delete_oldest(path, rotation.max_backups)
            if rotation.compression == "gzip":
                compress_all(path)
        except OSError as error:
            self.host.logger.warning("%s: rotated files could not be tidied: %s", path, error.strerror)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what the operating system says into what to do."""
    try:
        yield
    except NotAFileError as error:
        raise ConfigurationError(f"{path} {error}; `path` has to name a regular file") from error
    except NotUndoneError as error:
        raise RetryableError(f"{path}: {error.strerror}", ambiguous=True) from error
    except OSError as error:
        if error.errno in _OPERATOR:
            raise ConfigurationError(f"{path}: {error.strerror}; correct it or change `path`") from error
        raise RetryableError(f"{path}: {error.strerror}") from error

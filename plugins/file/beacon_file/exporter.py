"""The file exporter: appends batches to files and turns what the operating system says into Beacon's errors."""

from __future__ import annotations

import contextlib
import errno
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from beacon_core import Batch, ConfigurationError, Event, Exporter, Host, RetryableError, raise_failures
from beacon_file import compression
from beacon_file.config import FileConfig
from beacon_file.encoding import encode
from beacon_file.rotation import compress_all, delete_oldest, is_due, rotated_path
from beacon_file.target import AppendFile, NotAFileError, NotUndoneError
from beacon_file.template import Template

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
    """Appends events to files as lines of JSON, rotated by size and time: `file`.

    What a batch has for a file is there whole or not at all. Several processes may write to one file, where the system
    has locks; readers may follow it at any time.
    """

    config_class = FileConfig
    config: FileConfig
    _template: Template | None = None
    _base: Path

    def validate(self) -> None:
        compression.require(self.config.compress_with)

    def start(self, host: Host) -> None:
        super().start(host)
        self.validate()
        self._settle()
        if self._template is None or not self._template.is_constant:
            return
        try:
            with _explained(self._base):
                with self._file("").held():
                    pass
                self._tidy(self._base)
        except RetryableError as error:
            host.logger.warning("%s; tried again with the first batch", error)

    def export(self, batch: Batch) -> None:
        self._settle()
        failed: dict[str, Exception] = {}
        repeated = 0
        for name, events in self._by_file(batch):
            lines = encode(events, self.config.format, self.config.max_line_bytes)
            failed |= lines.failed
            if not lines.data:
                continue
            try:
                with _explained(self._base / name):
                    repeated += self._write(self._file(name), lines.data, len(events) - len(lines.failed))
            except (ConfigurationError, RetryableError) as error:
                failed |= {event.id: error for event in events if event.id not in lines.failed}
        self._recover(repeated, len(batch))
        raise_failures(batch, failed)

    def probe(self) -> str:
        """See whether the file, or the folder of the files, can be written."""
        self._settle()
        if self._template is None or self._template.is_constant:
            with _explained(self._base), self._file("").held():
                pass
        else:
            folder = next(path for path in (self._base, *self._base.parents) if path.exists())
            if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
                raise ConfigurationError(f"{folder} cannot be written to")
        return f"{self._base} can be written"

    def shutdown(self, timeout: float) -> None:  # noqa: ARG002 - a disk knows no time-out
        if self._template is None:
            return
        while self._files:
            self._close(self._files.popitem()[1])

    def _settle(self) -> None:
        """Settle where the files are, once, so that a later change of the working directory does no harm."""
        if self._template is None:
            self._files: OrderedDict[str, AppendFile] = OrderedDict()
            self._recovering = True
            template = self.config.template()
            self._base, self._template = template.base, template

    # ---- which file ----

    def _by_file(self, batch: Batch) -> Iterable[tuple[str, Sequence[Event]]]:
        """Return the events of each file, by its path below the base; empty: the base is the file."""
        if self._template is None or self._template.is_constant:
            return [("", batch.events)]
        found: dict[str, list[Event]] = {}
        for event in batch:
            found.setdefault(self._template.fill(event), []).append(event)
        return found.items()

    def _file(self, name: str) -> AppendFile:
        """Return an open file, or one that can be opened; close the one that is unused longest if there are too many.

        Raises:
            ConfigurationError: a link leads out of the base directory.
        """
        if name in self._files:
            self._files.move_to_end(name)
            return self._files[name]
        path = self._base / name
        if name and not Path(os.path.realpath(path)).is_relative_to(self._base):
            raise ConfigurationError(f"{path} leads out of {self._base} by a link; remove it")
        while len(self._files) >= self.config.group_by.max_open_files:
            self._close(self._files.popitem(last=False)[1])
        self._files[name] = AppendFile(path, fsync=self.config.fsync, remember=self._recovering)
        return self._files[name]

    def _close(self, file: AppendFile) -> None:
        try:
            file.sync()
        except OSError as error:
            self.host.logger.error("%s: %s; the last lines may be lost", file.path, error.strerror)  # noqa: TRY400
        file.close()

    # ---- writing ----

    def _write(self, file: AppendFile, data: bytes, events: int) -> int:
        """Append lines to a file, after rotation if that is due; return how many events were there already."""
        rotation = self.config.rotation
        rotated = False
        with file.held():
            again = self._repeated(file, data, events) if self._recovering else 0
            clock = self.host.clock
            if rotation and is_due(rotation, size=file.size(), more=len(data), modified=file.modified, clock=clock):
                file.put_aside(rotated_path(file.path, clock()))
                rotated = True
            file.append(data)
            if file.left.cut:  # what was cut off has come again
                file.left = replace(file.left, cut=False)
        if rotated:
            self._tidy(file.path)
        return again

    def _tidy(self, path: Path) -> None:
        """Delete and compress old files. No reason to keep back events: what fails is tried again at the next time."""
        rotation = self.config.rotation
        if rotation is None:
            return
        try:
            now = self.host.clock() if rotation.max_days else 0
            delete_oldest(path, rotation.max_backups, rotation.max_days, now)
            if self.config.compress_with != "none":
                compress_all(path, self.config.compress_with)
        except OSError as error:
            self.host.logger.warning("%s: rotated files could not be tidied: %s", path, error.strerror)

    # ---- after a crash ----

    def _repeated(self, file: AppendFile, data: bytes, events: int) -> int:
        """Return how many events a run that was killed has written already, and nobody has heard of it."""
        known = file.left.lines
        again = sum(hash(line) in known for line in data.split(b"\n")[:-1]) if known else 0
        if self.config.format == "jsonl":
            return again
        return events if again or file.left.cut else 0  # a line has several events, and may have others this time

    def _recover(self, repeated: int, events: int) -> None:
        """Count what is there twice; the first batch without that is the first that the run before had not begun."""
        if repeated:
            self.host.count("possibly_duplicated", repeated)
        elif self._recovering and events:
            self._recovering = False
            for file in self._files.values():
                file.forget()


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

"""The options of the file exporter, named as in the Collector's file exporter where it has the same one."""

from __future__ import annotations

from pydantic import ByteSize, Field, model_validator

from beacon_core import ComponentConfig, Duration, ExporterConfig, Size
from beacon_file.compression import Compression
from beacon_file.encoding import Format
from beacon_file.template import Template
from beacon_file.torn import TAIL


class RotationOptions(ComponentConfig):
    """When a file is closed and put aside, and what becomes of the old ones."""

    max_megabytes: float = Field(default=100, gt=0)
    """Size in MiB above which the file is put aside and a new one begun; a batch is never divided between two files."""

    interval: Duration = 0.0
    """Put the file aside at the first batch of a new period, such as `1h` or `24h`, counted in UTC; 0: never."""

    max_backups: int = Field(default=10, ge=0)
    """How many rotated files are kept; the oldest are deleted. 0 keeps all."""

    max_days: float = Field(default=0, ge=0)
    """How many days rotated files are kept, by the time in their names; 0: as long as `max_backups` allows."""

    compression: Compression = "none"
    """The same as `compression` beside `rotation`."""

    @property
    def max_bytes(self) -> int:
        """The size limit in bytes."""
        return int(self.max_megabytes * 1024 * 1024)


class GroupByOptions(ComponentConfig):
    """Several files, by a resource's attribute; `{name}` in the path does the same and more."""

    enabled: bool = False
    """Put the value of `resource_attribute` in the place of the `*` in `path`."""

    resource_attribute: str = Field(default="fileexporter.path_segment", min_length=1)
    """Attribute whose value takes the place of the `*`."""

    max_open_files: int = Field(default=100, ge=1)
    """Files that are open at the same time at most, also for `{name}` in the path; the one unused longest is closed."""


class FileConfig(ExporterConfig):
    """Options of `file`."""

    path: str = Field(min_length=1)
    """File to append to, such as `out/{service.name}/{date}.jsonl`; `~` is the home directory."""

    format: Format = "jsonl"
    """What a line is: `jsonl` an event as Beacon has it, `otlp_json` a request that a Collector's receiver reads."""

    max_line_bytes: Size = Field(default=ByteSize(TAIL), ge=1024, le=TAIL)
    """Longest line; an event that needs a longer one goes to the dead letters."""

    fsync: bool = True
    """Write every batch to the disk itself before it counts as delivered. Without it a power loss can lose lines."""

    rotation: RotationOptions | None = RotationOptions()
    """Rotation by size and time; `null` switches it off."""

    compression: Compression = "none"
    """Compression of the rotated files; the file that is being written is never compressed."""

    group_by: GroupByOptions = GroupByOptions()
    """Several files, by a resource's attribute."""

    @model_validator(mode="after")
    def _is_consistent(self) -> FileConfig:
        self.template()
        inner = self.rotation.compression if self.rotation else "none"
        if len({self.compression, inner, "none"}) > 2:  # noqa: PLR2004 - two that say something
            raise ValueError("compression and rotation.compression differ; leave out one of them")
        if self.compression != "none" and self.rotation is None:
            raise ValueError("only rotated files are compressed; leave out compression, or rotation: null")
        return self

    @property
    def compress_with(self) -> Compression:
        """How rotated files are compressed."""
        inner = self.rotation.compression if self.rotation else "none"
        return inner if self.compression == "none" else self.compression

    def template(self) -> Template:
        """Return the path with its places.

        Raises:
            ValueError: it cannot be understood.
        """
        if not self.group_by.enabled:
            return Template(self.path)
        if self.path.count("*") != 1:
            raise ValueError("with group_by.enabled the path has one * in it")
        return Template(self.path.replace("*", f"{{{self.group_by.resource_attribute}}}"))

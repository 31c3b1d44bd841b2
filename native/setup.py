"""Says what is compiled: every `.pyx` of the package. All else that a build needs is in pyproject.toml."""

from pathlib import Path

from setuptools import Extension, setup

SOURCES = sorted(Path("beacon_native").glob("*.pyx"))

setup(ext_modules=[Extension(f"beacon_native.{source.stem}", [source.as_posix()]) for source in SOURCES])

"""`python -m beacon_core.cli`: the `beacon` command of this very interpreter, wherever its script is."""

from beacon_core.cli.main import main

main(prog_name="beacon")

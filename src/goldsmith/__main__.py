"""python -m goldsmith."""

from goldsmith.cli.main import main

main()

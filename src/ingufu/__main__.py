"""`python -m ingufu`."""

from ingufu.app.cli import main

main()

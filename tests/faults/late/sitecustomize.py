"""Found first on the path of a server under fault: its console starts never, as no station needs it.

A start costs half as much without it. It still ends when the server does, as its standard input ends then.
"""

import os
import sys

if sys.orig_argv[1:4] == ["-m", "ingufu", "web"]:
    sys.stdin.buffer.read()
    os._exit(0)

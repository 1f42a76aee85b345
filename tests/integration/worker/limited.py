"""``streamproc`` with less than it needs: python limited.py RESOURCE NUMBER COMMAND…

RESOURCE is a name of the resource module, NUMBER its soft and hard limit, set before the program starts.
"""

from __future__ import annotations

import os
import resource
import sys

if __name__ == "__main__":
    _, name, number, *command = sys.argv
    resource.setrlimit(getattr(resource, name), (int(number), int(number)))
    os.execv(sys.executable, [sys.executable, "-m", "streamproc", *command])

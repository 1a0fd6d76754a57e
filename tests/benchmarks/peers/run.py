"""Runs one command of one tool: `python run.py huey_peer work`. See peer.py."""

import json
import sys
from dataclasses import asdict
from importlib import import_module

if __name__ == "__main__":
    tool, command = import_module(sys.argv[1]), sys.argv[2]
    found = getattr(tool, command)()
    if command == "account":
        sys.stdout.write(json.dumps(asdict(found)))

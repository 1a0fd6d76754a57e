"""A local Insight stand-in: a real HTTP server that speaks the documented protocol and calls nobody.

It checks every field as a strict server would, keeps what it received, lets simulated calls ring and end,
reports them to result_url on loopback, and misbehaves on request.
"""

from runner.insight.sandbox.faults import Fault, parse_fault
from runner.insight.sandbox.server import Sandbox, running_sandbox, serve

__all__ = ["Fault", "Sandbox", "parse_fault", "running_sandbox", "serve"]

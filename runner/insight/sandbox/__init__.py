"""A local Insight stand-in: a real HTTP server that speaks the documented protocol and calls nobody.

It checks every field as a strict server would, plays each call with simulated people, tells result_url on
loopback how it ended, keeps books of all that, and misbehaves on request.
"""

from runner.insight.sandbox.behavior import Behavior, parse_behavior, parse_callbacks, parse_outcomes
from runner.insight.sandbox.faults import Fault, parse_fault
from runner.insight.sandbox.server import Sandbox, running_sandbox, serve

__all__ = [
    "Behavior",
    "Fault",
    "Sandbox",
    "parse_behavior",
    "parse_callbacks",
    "parse_fault",
    "parse_outcomes",
    "running_sandbox",
    "serve",
]

"""Roll a fleet of machines under load, and count what clients lose: ``make roll``.

Each machine is a network namespace with a service of two workers. HAProxy balances them, Redis
keeps their traces, and clients send a numbered message each second.

========== ================================================================
network    the namespaces, and the bridge between them
fleet      the machines, Redis and HAProxy
clients    the load, in a process of its own; writes what happens to a file
wire       sees each packet between HAProxy and the machines
flows      puts packets together: which messages reached a machine, and had no reply
play       the order: roll, kill, bring back, add
figures    what the events of the clients say
verdict    all figures, and which of them reach their goals
page       writes the figures into docs/scaling.md
========== ================================================================
"""

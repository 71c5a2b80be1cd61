"""`segments serve`: the registered model over HTTP. Processes that answer, the application, what it answers, how long it waits, what it counts.

Comes in: requests on this machine. Goes out: segments of customers. May import the supervisor of servers, jobs, io and the nouns.
"""

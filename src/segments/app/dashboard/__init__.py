"""The page of ``segments dashboard``. Comes in: artifacts and the registry. Goes out: five pages in a browser, on this machine only.

``reading`` reads, ``figures`` makes plain tables of it, ``charts`` draws them; one file per page shows them. ``entry point`` starts the server.
"""

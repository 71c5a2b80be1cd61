"""The name under which versions registered before the folders came are made again; see :mod:`segments.app.commands.rebuild`."""

from __future__ import annotations

from segments.app.commands.rebuild import main

if __name__ == "__main__":
    main()

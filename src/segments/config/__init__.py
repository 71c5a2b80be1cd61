"""The typed face of ``conf/``. Comes in: plain mappings (from YAML). Goes out: frozen dataclasses that hold only allowed values.

One class per section of ``conf/config.yaml`` or group folder, by subject; :mod:`~segments.config.root` holds the whole of them.
"""

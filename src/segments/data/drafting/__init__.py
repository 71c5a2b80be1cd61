"""The draft of a source. Comes in: a file that nobody described yet. Goes out: YAML for ``conf/source/`` with a question beside each guess."""

"""What to do with segments, and what it brought: playbooks, the report, target lists, campaign results.

Comes in: named segments, their profiles, what is predicted. Goes out: tables and pages. May import the nouns below: identity, forecast, model, and what those use.
"""

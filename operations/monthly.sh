#!/bin/sh
# Once a month: new raw files in, whatever depends on them made again, the version in use proved. Cron and GitHub Actions start it; by hand it is the same.
#
#   SOURCE  source of conf/source/ (that of conf/config.yaml)
#   FROM    file or folder that the raw files are copied from (wherever the source fetches them from)
#   AS_OF   the day up to which the new files are known, YYYY-MM-DD (the last day of the month before); "keep" leaves it as it is
set -eu
cd "$(dirname "$0")/.."
if [ -f .venv/bin/activate ]; then . .venv/bin/activate; fi
SOURCE=${SOURCE:-$(sed -n 's/^  - source: *//p' conf/config.yaml)}
AS_OF=${AS_OF:-$(date -d "$(date +%Y-%m-01) -1 day" +%F)}
config=conf/source/$SOURCE.yaml

if [ "$AS_OF" != keep ] && grep -q '^as_of:' "$config"; then
  sed -i "s/^as_of:.*/as_of: \"$AS_OF\"/" "$config"
fi
if [ -n "${FROM:-}" ]; then
  segments fetch source="$SOURCE" accept=true from="$FROM"
else
  segments fetch source="$SOURCE" accept=true
fi
segments describe --check "$SOURCE" # the files, and what the source says of them, agree: with counts
segments forget source="$SOURCE" yes=true # whoever was erased and is in the new files again
dvc repro
segments verify
segments summary

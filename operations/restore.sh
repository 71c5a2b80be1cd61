#!/bin/sh
# A back-up of operations/backup.sh into this folder: sh operations/restore.sh FILE. A record that is here stays where it is, under another name.
set -eu
file=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."
tar --list --gzip --file "$file" > /dev/null # whole, before anything is moved
aside=$(date +%Y%m%dT%H%M%S)
for part in record mlflow.db mlflow.db-wal mlflow.db-shm mlruns; do
  if [ -e "$part" ]; then mkdir -p "aside-$aside" && mv "$part" "aside-$aside/"; fi
done
tar --extract --gzip --file "$file"
segments track # MLflow's record, written from it

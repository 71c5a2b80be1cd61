#!/bin/sh
# What no run can make again, as one file: sh operations/backup.sh FOLDER. It holds customers and the key of erased ones: keep it closed, and let it expire.
set -eu
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
umask 077
file=$folder/record-$(date +%Y%m%dT%H%M%S).tar.gz
tar --create --gzip --file "$file.partial" --exclude=record/.partial --exclude='*.lock' record conf data.dvc dvc.yaml
mv "$file.partial" "$file"
echo "$file"

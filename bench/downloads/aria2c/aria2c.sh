#!/bin/sh
# No HTTP/2.
if [ "$1" = list ]; then
    printf '%s\n' small tmpfs many big tls hosts active
    exit
fi
case $2 in
tls) set -- "$@" --ca-certificate="$5" ;;
big) set -- "$@" --split=4 --max-connection-per-server=16 ;;
esac
lists=$3 parallel=$4
shift 5
aria2c --no-conf --quiet --no-proxy='*' --input-file="$lists/aria2" --max-concurrent-downloads="$parallel" \
    --file-allocation=none --console-log-level=error --summary-interval=0 --max-tries=6 --retry-wait=1 \
    --max-file-not-found=6 --async-dns=false "$@" || exit 1 # 3 would say that it does not offer the row

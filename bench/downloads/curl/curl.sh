#!/bin/sh
# It has at most 300 transfers at once, so it is not in the row with a thousand.
if [ "$1" = list ]; then
    printf '%s\n' small tmpfs many big tls http2 hosts
    exit
fi
case $2 in
tls) set -- "$@" --http1.1 --cacert "$5" ;;
http2) set -- "$@" --http2 --cacert "$5" ;;
hosts) set -- "$@" --retry 5 --retry-delay 1 --retry-all-errors ;;
esac
lists=$3 parallel=$4
shift 5
exec curl --silent --show-error --fail --noproxy '*' --parallel --parallel-max "$parallel" "$@" \
    --config "$lists/curl"

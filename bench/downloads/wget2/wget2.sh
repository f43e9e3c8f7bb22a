#!/bin/sh
if [ "$1" = list ]; then
    printf '%s\n' small tmpfs many big tls http2 hosts active
    exit
fi
case $2 in
tls) set -- "$@" --no-http2 --ca-certificate="$5" ;;
http2) set -- "$@" --ca-certificate="$5" ;;
big) set -- "$@" --chunk-size=32M ;;
hosts) set -- "$@" --force-directories ;;
esac
lists=$3 parallel=$4
shift 5
exec wget2 --no-config --quiet --no-proxy --input-file="$lists/urls" --max-threads="$parallel" --tries=6 \
    --waitretry=1 --no-hsts --no-robots "$@"

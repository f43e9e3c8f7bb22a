#!/usr/bin/env bash
# test_get_nginx.sh: sley-fetch get from nginx: TLS, HTTP/2, many small files, large ones in pieces.
source "$(dirname "${BASH_SOURCE[0]}")/_get.sh"

nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || {
    echo "$name: no nginx here: SKIPPED" >&2
    exit 77
}

make_files()
{
    local n
    mkdir www conf
    for n in {1..300}; do
        head -c $((n * 50)) /dev/urandom >www/file$n
    done
    head -c 3000000 /dev/urandom >www/large
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout conf/key.pem -out conf/cert.pem 2>/dev/null
}

# Two ports that were free a moment ago; taken in between, nginx says so, and it is tried again.
start_nginx()
{
    local try
    for try in {1..10}; do
        read -r plain secure < <(python3 -c '
import socket
one, two = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
print(one.getsockname()[1], two.getsockname()[1])')
        cat >conf/nginx.conf <<END
daemon off;
master_process off;
pid $PWD/conf/pid;
error_log $PWD/conf/error.log;
events { worker_connections 2048; }
http {
    client_body_temp_path conf/body; proxy_temp_path conf/proxy; fastcgi_temp_path conf/fastcgi;
    uwsgi_temp_path conf/uwsgi; scgi_temp_path conf/scgi;
    log_format short '\$server_protocol \$ssl_protocol \$status \$uri';
    access_log $PWD/conf/access.log short;
    server { listen 127.0.0.1:$plain; root $PWD/www; }
    server {
        listen 127.0.0.1:$secure ssl http2; root $PWD/www;
        ssl_certificate $PWD/conf/cert.pem; ssl_certificate_key $PWD/conf/key.pem;
    }
}
END
        "$nginx" -p "$PWD" -c conf/nginx.conf 2>conf/start.log &
        pid=$!
        while kill -0 $pid 2>/dev/null; do
            if curl -s -o /dev/null "http://127.0.0.1:$plain/file1"; then
                started+=($pid)
                return
            fi
            sleep 0.01
        done
    done
    fail "nginx does not start: $(cat conf/start.log)"
}

expect_same() # DIR NAME...
{
    local directory=$1 file
    shift
    for file; do
        cmp "www/$file" "$directory/$file" || fail "$directory/$file"
    done
}

test_many()
{
    local base=$1 n
    shift
    for n in {1..300}; do
        echo "$base/file$n"
    done >list
    rm -rf many
    get -o many -i list -j 50 "$@"
    expect_get 0 300 0 0
    expect_same many file{1..300}
    (($(find many -type f | wc -l) == 300)) || fail "other files"
}

# All of the last 300 requests were of that version.
expect_protocol() # PROTOCOL
{
    (($(tail -n 300 conf/access.log | grep -c "^$1 ") == 300)) || fail "not $1: $(tail -n 2 conf/access.log)"
}

test_tls()
{
    get -o tls "https://127.0.0.1:$secure/file1"
    expect_get 1 0 0 1
    grep -qi 'certificate' err || fail "the reason is not the certificate"
    get -o tls -k "https://127.0.0.1:$secure/file1"
    expect_get 0 1 0 0
    get -o tls --ca-file conf/cert.pem "https://127.0.0.1:$secure/file2"
    expect_get 0 1 0 0
    expect_same tls file1 file2
}

# TLS and HTTP/2 inside of a proxy's tunnel.
test_tunnel()
{
    start python3 "$here/_proxy.py"
    test_many "https://localhost:$secure" --ca-file conf/cert.pem -x "$server"
    expect_protocol HTTP/2.0
    curl -sS "$server/log" >proxied
    grep -qx "CONNECT localhost:$secure" proxied || fail "not through the proxy: $(cat proxied)"
}

make_files
start_nginx
test_many "http://127.0.0.1:$plain"
expect_protocol HTTP/1.1
test_many "https://127.0.0.1:$secure" --ca-file conf/cert.pem
expect_protocol HTTP/2.0
test_many "https://127.0.0.1:$secure" --ca-file conf/cert.pem --http 1.1
expect_protocol HTTP/1.1
test_tls
test_tunnel
get -o large -g 4 --range-size 500K "http://127.0.0.1:$plain/large"
expect_get 0 1 0 0
expect_same large large
(($(grep -c ' 206 /large' conf/access.log) == 3)) || fail "not in pieces"

#!/usr/bin/env bash
# certificates.sh [NAME...]: makes, in the current directory, an authority and certificates of all
# sorts, or those named, for the tests of TLS. NAME.pem, NAME.key.
set -euo pipefail
exec >certificates.log 2>&1

key() # NAME
{
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
}

signed() # NAME DAYS SUBJECT_ALT_NAME
{
    openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$2" -out "$1.pem" \
        -extfile <(echo "subjectAltName=$3")
}

wanted=("$@")
((${#wanted[@]})) || wanted=(server rsa other expired client self)
key ca
openssl req -x509 -new -key ca.key -subj "/CN=test authority" -days 30 -out ca.pem
for name in "${wanted[@]}"; do
    case $name in
        rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key ;;
        *) key "$name" ;;
    esac
    case $name in
        server) signed server 30 "DNS:localhost,DNS:*.example.org,IP:127.0.0.1" ;;
        rsa) signed rsa 30 "DNS:localhost" ;;
        other) signed other 30 "DNS:elsewhere.example.org" ;;
        expired) signed expired -1 "DNS:localhost" ;;
        client) signed client 30 "DNS:somebody" ;;
        self)
            openssl req -x509 -new -key self.key -subj /CN=localhost -days 30 -out self.pem \
                -addext subjectAltName=DNS:localhost
            ;;
        *)
            echo "no certificate is called $name"
            exit 1
            ;;
    esac
done

#!/bin/sh
# Makes an authority, and certificates of it for two names, in the folder `secrets`. A second run makes new certificates.
set -e
mkdir -p secrets
cd secrets
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
[ -f ca.crt ] || openssl req -x509 $key -keyout ca.key -out ca.crt -days 3650 -subj /CN=example
for name in shop inside; do
  echo "subjectAltName=DNS:$name.example.com" > $name.ext
  openssl req $key -keyout $name.new -out $name.csr -subj /CN=$name
  openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 90 -extfile $name.ext -out $name.pem
  mv $name.new $name.key
  mv $name.pem $name.crt
  rm $name.csr $name.ext
done

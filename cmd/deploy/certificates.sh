#!/bin/sh
# Certificates of a cluster, by openssl alone. Three authorities, since each is trusted with another thing:
#   etcd      its members, and the nodes as their clients: whoever has one of these reads and writes everything
#   cluster   the nodes among themselves: whoever has one of these is a node
#   api       the nodes' API, and HAProxy as its client: whoever has one of these is an administrator
#
#   certificates.sh FOLDER MACHINE=NAME_OR_ADDRESS[,...] ... balancer=NAME_OR_ADDRESS[,...]
#
#   certificates.sh tls node1=node1.gofer.internal,10.0.0.11 node2=node2.gofer.internal,10.0.0.12 \
#     node3=node3.gofer.internal,10.0.0.13 balancer=gofer.example.com
#
# Makes FOLDER/authorities (keep it off the machines) and FOLDER/<machine>, to be copied to /etc/gofer/tls of that machine. What is
# there already stays: to renew a certificate delete it and run this again; to replace an authority delete the folder.
set -eu
umask 077

AUTHORITY_DAYS=3650
CERTIFICATE_DAYS=825

[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$1
shift
mkdir -p "$folder/authorities"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

new_key() {
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

# authority NAME
authority() {
  at="$folder/authorities/$1"
  [ -e "$at.pem" ] && return
  new_key "$at-key.pem"
  openssl req -x509 -new -sha256 -key "$at-key.pem" -days $AUTHORITY_DAYS -subj "/O=Gofer/CN=gofer $1 authority" \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' -out "$at.pem"
}

# certificate AUTHORITY FILE COMMON_NAME USAGE ALTERNATIVE_NAMES
certificate() {
  file=$2
  [ -e "$file.pem" ] && return
  {
    echo 'basicConstraints=critical,CA:FALSE'
    echo 'keyUsage=critical,digitalSignature'
    echo "extendedKeyUsage=$4"
    [ -z "$5" ] || echo "subjectAltName=$5"
  } >"$work/extensions"
  new_key "$file-key.pem"
  openssl req -new -sha256 -key "$file-key.pem" -subj "/O=Gofer/CN=$3" -out "$work/request"
  openssl x509 -req -sha256 -in "$work/request" -CA "$folder/authorities/$1.pem" -CAkey "$folder/authorities/$1-key.pem" \
    -set_serial "0x$(openssl rand -hex 16 | sed 's/^./1/')" -days $CERTIFICATE_DAYS -extfile "$work/extensions" -out "$file.pem" 2>/dev/null
}

# alternative_names MACHINE NAME_OR_ADDRESS,... -> DNS:machine,DNS:...,IP:...
alternative_names() {
  list="DNS:$1"
  for one in $(echo "$2" | tr ',' ' '); do
    case $one in
      *[!0-9.]*:*) list="$list,IP:$one" ;;
      *[!0-9.]*) list="$list,DNS:$one" ;;
      *) list="$list,IP:$one" ;;
    esac
  done
  echo "$list"
}

authority etcd
authority cluster
authority api
for pair in "$@"; do
  machine=${pair%%=*}
  names=$(alternative_names "$machine" "${pair#*=}")
  at="$folder/$machine"
  mkdir -p "$at"
  cp "$folder/authorities/api.pem" "$at/api-ca.pem"
  if [ "$machine" = balancer ]; then
    certificate api "$at/api-client" haproxy clientAuth ''
    certificate api "$at/public" "$machine" serverAuth "$names"
    # HAProxy reads a certificate and its key from one file.
    cat "$at/api-client.pem" "$at/api-client-key.pem" >"$at/api-client-both.pem"
    cat "$at/public.pem" "$at/public-key.pem" >"$at/public-both.pem"
    continue
  fi
  cp "$folder/authorities/etcd.pem" "$at/etcd-ca.pem"
  cp "$folder/authorities/cluster.pem" "$at/cluster-ca.pem"
  # Names of this machine alone: nobody else's certificate passes for it. Members are clients of each other.
  certificate etcd "$at/etcd" "$machine" serverAuth,clientAuth "$names"
  certificate etcd "$at/etcd-client" gofer clientAuth ''
  certificate cluster "$at/cluster" "$machine" serverAuth,clientAuth "$names"
  certificate api "$at/api" "$machine" serverAuth "$names"
done

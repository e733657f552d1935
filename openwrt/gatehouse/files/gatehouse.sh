#!/bin/sh
# OpenWrt's C library is musl. Node's is glibc, which comes along with its loader.
root=/usr/lib/gatehouse
exec $root/glibc/@LOADER@ --library-path $root/glibc $root/gatehouse "$@"

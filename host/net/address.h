/* SPDX-License-Identifier: MIT */
/* Addresses to listen on, "tcp://HOST:PORT", and the sockets made from them. */
#ifndef HOST_NET_ADDRESS_H
#define HOST_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "troupe/status.h"

#define NET_ADDRESS_TEXT_MAX 64u /* "[IPv6]:PORT" with its NUL */

/* A numeric address and port. */
struct net_address {
	struct sockaddr_storage addr;
	socklen_t len;
	bool loopback;	/* 127.0.0.0/8 or ::1: no other machine can reach it */
	bool any;	/* 0.0.0.0 or :: */
	uint16_t port;	/* 0 = any free one */
};

/*
 * net_address_parse reads "tcp://HOST:PORT". HOST is an IPv4 address, an IPv6 address in brackets, "localhost", "*" for
 * every address of the machine, or empty, which means `host` (NULL = 127.0.0.1). Names are not looked up: that can block,
 * and a listener belongs to an address. Returns TROUPE_OK, or INVALID_ARGUMENT with *reterr filled. [any]
 */
int32_t net_address_parse(const char *text, const char *host, struct net_address *ret_address,
			  struct troupe_error *reterr);

/* net_address_private: no router of the internet forwards to it: loopback, the private networks of RFC 1918 and RFC 6598,
 * link-local, and the local addresses of IPv6 (RFC 4193). "Every address" is not private. [any] */
bool net_address_private(const struct net_address *address);

/* net_address_format writes "1.2.3.4:5" or "[::1]:5" of a socket address and returns `text`. [any] */
const char *net_address_format(const struct sockaddr_storage *addr, char text[NET_ADDRESS_TEXT_MAX]);

/*
 * net_address_network returns a number for the network that a peer belongs to: an IPv4 address as a number below 2^32
 * (also when it came mapped in IPv6), or the first 64 bits of an IPv6 address, which one customer usually holds as a
 * whole. [any]
 */
uint64_t net_address_network(const struct sockaddr_storage *addr);

/*
 * net_address_listen makes a listening socket (non-blocking, closed on exec) at `address`. Returns the descriptor and
 * *ret_port (may be NULL), or -1 with *reterr filled: ALREADY_EXISTS when the port is in use (it names the process that
 * holds it when /proc tells), PERMISSION_DENIED, INVALID_ARGUMENT for an address that this machine does not have,
 * RESOURCE_EXHAUSTED. `text` is the address as it was written, for the messages. [any]
 */
int net_address_listen(const struct net_address *address, const char *text, uint16_t *ret_port,
		       struct troupe_error *reterr);

/* net_address_holder finds the process that listens on `port`. Writes "name, pid N" and returns true if /proc
 * tells; it does not when that process belongs to someone else. [any] */
bool net_address_holder(uint16_t port, char *ret_text, size_t size);

#endif

/* SPDX-License-Identifier: MIT */
/* Addresses to listen on: "tcp://127.0.0.1:9322", "tcp://[::1]:9322", "tcp://:9322". */
#ifndef HOST_CONFIG_LISTEN_H
#define HOST_CONFIG_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define LISTEN_TEXT_MAX 80u

struct listen_address {
	char host[64];	/* numeric, without brackets */
	uint16_t port;	/* 0 = any */
	bool is_ipv6;
	bool loopback;
};

/*
 * listen_parse reads an address; `bind` is the host part of one without. Returns NULL, or what is wrong with it, a
 * constant text that completes "tcp://x: ".
 */
const char *listen_parse(const char *text, const char *bind, struct listen_address *ret_address);
/* listen_print writes it with host and port, as troupe_host.listen takes it. Returns buf. */
char *listen_print(const struct listen_address *address, char buf[LISTEN_TEXT_MAX]);
/* listen_sockaddr fills *ret for bind(2) and returns its length. */
socklen_t listen_sockaddr(const struct listen_address *address, struct sockaddr_storage *ret);
/* listen_is_address tells whether a text is a numeric IPv4 or IPv6 address, and whether it is loopback. */
bool listen_is_address(const char *text, bool *ret_loopback);

#endif

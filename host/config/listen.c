/* SPDX-License-Identifier: MIT */
/* Addresses to listen on: "tcp://127.0.0.1:9322", "tcp://[::1]:9322", "tcp://:9322". */
#include "listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

bool listen_is_address(const char *text, bool *ret_loopback)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*ret_loopback = (ntohl(v4.s_addr) >> 24) == 127;
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6) == 1) {
		*ret_loopback = IN6_IS_ADDR_LOOPBACK(&v6);
		return true;
	}
	return false;
}

const char *listen_parse(const char *text, const char *bind, struct listen_address *ret_address)
{
	struct listen_address address = { .port = 0 };
	int64_t port;

	if (strncmp(text, "tcp://", 6) != 0) {
		return "an address to listen on starts with tcp://";
	}
	text += 6;
	const char *colon = strrchr(text, ':');

	if (colon == NULL || units_integer(colon + 1, &port) < 0 || port < 0 || port > 65535) {
		return "it needs a port from 0 to 65535 at its end";
	}
	size_t len = (size_t)(colon - text);

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0) {
		text = bind;
		len = strlen(bind);
	} else if (len == 9 && memcmp(text, "localhost", len) == 0) {
		text = "127.0.0.1";
	}
	if (len >= sizeof(address.host)) {
		return "its address is not a numeric one";
	}
	memcpy(address.host, text, len);
	address.host[len] = '\0';
	if (!listen_is_address(address.host, &address.loopback)) {
		return "its address must be a number such as 127.0.0.1, or left out";
	}
	address.is_ipv6 = strchr(address.host, ':') != NULL;
	address.port = (uint16_t)port;
	*ret_address = address;
	return NULL;
}

char *listen_print(const struct listen_address *address, char buf[LISTEN_TEXT_MAX])
{
	snprintf(buf, LISTEN_TEXT_MAX, address->is_ipv6 ? "tcp://[%s]:%u" : "tcp://%s:%u", address->host,
		 (unsigned)address->port);
	return buf;
}

socklen_t listen_sockaddr(const struct listen_address *address, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (address->is_ipv6) {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(address->port);
		inet_pton(AF_INET6, address->host, &v6->sin6_addr);
		return sizeof(*v6);
	}
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;

	v4->sin_family = AF_INET;
	v4->sin_port = htons(address->port);
	inet_pton(AF_INET, address->host, &v4->sin_addr);
	return sizeof(*v4);
}

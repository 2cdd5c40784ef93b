/* SPDX-License-Identifier: MIT */
/* Addresses to listen on: reading, showing and binding them. */
#include "host/net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNSENT_MAX 16384 /* bytes of a connection that the kernel takes beyond what is on its way */

static const char scheme[] = "tcp://";

static int32_t malformed(struct troupe_error *reterr, const char *text, const char *why)
{
	reterr->status = TROUPE_INVALID_ARGUMENT;
	snprintf(reterr->text, sizeof(reterr->text), "cannot listen on \"%.80s\": %s", text, why);
	snprintf(reterr->help, sizeof(reterr->help),
		 "write tcp://ADDRESS:PORT, e.g. tcp://127.0.0.1:9322, tcp://[::1]:9322 or tcp://*:9322");
	return reterr->status;
}

static bool port_parse(const char *text, uint16_t *ret_port)
{
	unsigned long port = 0;

	if (*text == '\0' || strlen(text) > 5) {
		return false;
	}
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9') {
			return false;
		}
		port = port * 10 + (unsigned long)(*text - '0');
	}
	*ret_port = (uint16_t)port;
	return port <= 65535;
}

static bool host_set4(const char *host, struct net_address *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->addr;

	if (strcmp(host, "localhost") == 0) {
		host = "127.0.0.1";
	} else if (strcmp(host, "*") == 0) {
		host = "0.0.0.0";
	}
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1) {
		return false;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(address->port);
	address->len = sizeof(*in);
	address->loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
	address->any = in->sin_addr.s_addr == htonl(INADDR_ANY);
	return true;
}

static bool host_set6(const char *host, struct net_address *address)
{
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&address->addr;

	if (inet_pton(AF_INET6, host, &in->sin6_addr) != 1) {
		return false;
	}
	in->sin6_family = AF_INET6;
	in->sin6_port = htons(address->port);
	address->len = sizeof(*in);
	address->loopback = IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
	address->any = IN6_IS_ADDR_UNSPECIFIED(&in->sin6_addr);
	return true;
}

int32_t net_address_parse(const char *text, const char *host, struct net_address *ret_address,
			  struct troupe_error *reterr)
{
	struct net_address address = { 0 };
	char name[INET6_ADDRSTRLEN + 3];
	const char *begin = text + strlen(scheme), *colon;
	size_t len;

	if (strncmp(text, scheme, strlen(scheme)) != 0) {
		return malformed(reterr, text, "it does not begin with tcp://");
	}
	colon = strrchr(begin, ':');
	if (colon == NULL || !port_parse(colon + 1, &address.port)) {
		return malformed(reterr, text, "it has no port from 0 to 65535 at its end");
	}
	len = (size_t)(colon - begin);
	if (len >= sizeof(name)) {
		return malformed(reterr, text, "its host is no address");
	}
	memcpy(name, begin, len);
	name[len] = '\0';
	if (len == 0) {
		/* the configuration's address of the host: bare, also when it is IPv6 */
		host = host != NULL ? host : "127.0.0.1";
		if (!host_set4(host, &address) && !host_set6(host, &address)) {
			return malformed(reterr, host, "the host's address is no IPv4 or IPv6 address");
		}
	} else if (name[0] == '[' && name[len - 1] == ']') {
		name[len - 1] = '\0';
		if (!host_set6(name + 1, &address)) {
			return malformed(reterr, text, "what is in brackets is no IPv6 address");
		}
	} else if (strchr(name, ':') != NULL) {
		return malformed(reterr, text, "an IPv6 address stands in brackets");
	} else if (!host_set4(name, &address)) {
		return malformed(reterr, text, "its host is no address (names are not looked up)");
	}
	*ret_address = address;
	return TROUPE_OK;
}

bool net_address_private(const struct net_address *address)
{
	if (address->loopback || address->any) {
		return address->loopback;
	}
	if (address->addr.ss_family == AF_INET) {
		uint32_t ip = ntohl(((const struct sockaddr_in *)&address->addr)->sin_addr.s_addr);

		return ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 || ip >> 22 == 0x191 ||
		       ip >> 16 == 0xa9fe;
	}
	const uint8_t *bytes = ((const struct sockaddr_in6 *)&address->addr)->sin6_addr.s6_addr;

	return (bytes[0] & 0xfe) == 0xfc || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

const char *net_address_format(const struct sockaddr_storage *addr, char text[NET_ADDRESS_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (addr->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, NET_ADDRESS_TEXT_MAX, "%s:%u", host, ntohs(in->sin_port));
		return text;
	}
	if (addr->ss_family != AF_INET6) {
		snprintf(text, NET_ADDRESS_TEXT_MAX, "local");
		return text;
	}
	const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)addr;
	inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
	snprintf(text, NET_ADDRESS_TEXT_MAX, "[%s]:%u", host, ntohs(in->sin6_port));
	return text;
}

uint64_t net_address_network(const struct sockaddr_storage *addr)
{
	const uint8_t *bytes;
	uint64_t network = 0;

	if (addr->ss_family == AF_INET) {
		return ntohl(((const struct sockaddr_in *)addr)->sin_addr.s_addr);
	}
	if (addr->ss_family != AF_INET6) {
		return 0;
	}
	const struct in6_addr *in = &((const struct sockaddr_in6 *)addr)->sin6_addr;
	bytes = in->s6_addr;
	if (IN6_IS_ADDR_V4MAPPED(in)) {
		return (uint64_t)bytes[12] << 24 | (uint64_t)bytes[13] << 16 | (uint64_t)bytes[14] << 8 | bytes[15];
	}
	for (int i = 0; i < 8; i++) {
		network = network << 8 | bytes[i];
	}
	return network;
}

/* What a failed socket, bind or listen means, and what to do about it. */
static void refused(int error, const struct net_address *address, const char *text, struct troupe_error *reterr)
{
	char holder[96];

	reterr->help[0] = '\0';
	switch (error) {
	case EADDRINUSE:
		reterr->status = TROUPE_ALREADY_EXISTS;
		if (net_address_holder(address->port, holder, sizeof(holder))) {
			snprintf(reterr->text, sizeof(reterr->text), "cannot listen on %.80s: in use by %s", text,
				 holder);
		} else {
			snprintf(reterr->text, sizeof(reterr->text),
				 "cannot listen on %.80s: in use by another process", text);
		}
		snprintf(reterr->help, sizeof(reterr->help), "stop that process, or set another port");
		return;
	case EACCES:
	case EPERM:
		reterr->status = TROUPE_PERMISSION_DENIED;
		snprintf(reterr->text, sizeof(reterr->text), "cannot listen on %.80s: not permitted", text);
		snprintf(reterr->help, sizeof(reterr->help),
			 "ports below 1024 need CAP_NET_BIND_SERVICE: set a higher port");
		return;
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		reterr->status = TROUPE_INVALID_ARGUMENT;
		snprintf(reterr->text, sizeof(reterr->text),
			 "cannot listen on %.80s: this machine does not have that address", text);
		snprintf(reterr->help, sizeof(reterr->help), "`ip address` shows those it has");
		return;
	default:
		reterr->status = TROUPE_RESOURCE_EXHAUSTED;
		snprintf(reterr->text, sizeof(reterr->text), "cannot listen on %.80s: %s", text, strerror(error));
		if (error == EMFILE || error == ENFILE) {
			snprintf(reterr->help, sizeof(reterr->help), "raise the limit of open files (ulimit -n)");
		}
		return;
	}
}

int net_address_listen(const struct net_address *address, const char *text, uint16_t *ret_port,
		       struct troupe_error *reterr)
{
	struct sockaddr_storage bound;
	socklen_t bound_len = sizeof(bound);
	int on = 1, unsent = UNSENT_MAX;
	int fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		refused(errno, address, text, reterr);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* accepted sockets inherit it: one system call less for each of them */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* What a slow peer has not read waits here, where roles see it, and not in megabytes of the kernel. */
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	if (address->addr.ss_family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	if (bind(fd, (const struct sockaddr *)&address->addr, address->len) != 0 || listen(fd, SOMAXCONN) != 0 ||
	    getsockname(fd, (struct sockaddr *)&bound, &bound_len) != 0) {
		refused(errno, address, text, reterr);
		close(fd);
		return -1;
	}
	if (ret_port != NULL) {
		*ret_port = ntohs(bound.ss_family == AF_INET ? ((struct sockaddr_in *)&bound)->sin_port :
							       ((struct sockaddr_in6 *)&bound)->sin6_port);
	}
	return fd;
}

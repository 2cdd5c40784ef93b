/* SPDX-License-Identifier: MIT */
/* A game client's connections over epoll. */
#include "link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD 8u
#define READ_MAX 32768u /* in one system call */
#define RECEIVE_MAX 32768 /* bytes that wait in the kernel: with more, a busy program would learn everything late */

struct links {
	int poll;
	struct link *all, *closing;
};

struct link {
	struct links *links;
	struct link *next, *prev, *next_closing;
	const struct link_handler *handler;
	void *arg;
	int fd;
	int connected, closing, watching_out;
	uint8_t *in, *out;
	size_t in_len, in_cap, out_len, out_cap;
	char why[128];
	char name[64];
};

static uint32_t get_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_u32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++) {
		p[i] = (uint8_t)(value >> (8 * i));
	}
}

static void end(struct link *link, const char *why)
{
	if (!link->closing) {
		link->closing = 1;
		snprintf(link->why, sizeof(link->why), "%s", why);
		link->next_closing = link->links->closing;
		link->links->closing = link;
	}
}

struct links *links_create(void)
{
	struct links *links = calloc(1, sizeof(*links));

	if (links != NULL) {
		links->poll = epoll_create1(EPOLL_CLOEXEC);
		if (links->poll < 0) {
			free(links);
			return NULL;
		}
	}
	return links;
}

static void link_free(struct link *link)
{
	if (link->prev != NULL) {
		link->prev->next = link->next;
	} else {
		link->links->all = link->next;
	}
	if (link->next != NULL) {
		link->next->prev = link->prev;
	}
	close(link->fd);
	free(link->in);
	free(link->out);
	free(link);
}

void links_free(struct links *links)
{
	if (links == NULL) {
		return;
	}
	while (links->all != NULL) {
		link_free(links->all);
	}
	close(links->poll);
	free(links);
}

static void watch(struct link *link, int out)
{
	struct epoll_event event = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = link };

	if (link->watching_out != out) {
		link->watching_out = out;
		epoll_ctl(link->links->poll, EPOLL_CTL_MOD, link->fd, &event);
	}
}

struct link *link_open(struct links *links, const char *host, unsigned port, const struct link_handler *handler,
		       void *arg)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	char service[8];
	struct link *link;
	int fd, one = 1, receive = RECEIVE_MAX;

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, &found) != 0) {
		return NULL;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	link = fd >= 0 ? calloc(1, sizeof(*link)) : NULL;
	if (link == NULL) {
		if (fd >= 0) {
			close(fd);
		}
		freeaddrinfo(found);
		return NULL;
	}
	link->links = links;
	link->handler = handler;
	link->arg = arg;
	link->fd = fd;
	link->next = links->all;
	if (link->next != NULL) {
		link->next->prev = link;
	}
	links->all = link;
	link->watching_out = 1;
	snprintf(link->name, sizeof(link->name), "%.48s:%u", host, port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
	if (connect(fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
		end(link, strerror(errno));
	}
	freeaddrinfo(found);
	event.data.ptr = link;
	epoll_ctl(links->poll, EPOLL_CTL_ADD, fd, &event);
	return link;
}

static int grow(uint8_t **bytes, size_t *cap, size_t want)
{
	size_t next = *cap ? *cap : 256;
	uint8_t *grown;

	while (next < want) {
		next *= 2;
	}
	if (next == *cap) {
		return 1;
	}
	grown = realloc(*bytes, next);
	if (grown == NULL) {
		return 0;
	}
	*bytes = grown;
	*cap = next;
	return 1;
}

static void flush(struct link *link)
{
	while (link->connected && link->out_len > 0) {
		ssize_t n = send(link->fd, link->out, link->out_len, MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR) {
				end(link, strerror(errno));
			}
			break;
		}
		memmove(link->out, link->out + n, link->out_len - (size_t)n);
		link->out_len -= (size_t)n;
	}
	if (link->connected && !link->closing) {
		watch(link, link->out_len > 0);
	}
}

int link_send(struct link *link, uint32_t event, uint32_t tag, const void *payload, size_t len)
{
	if (link->closing || !grow(&link->out, &link->out_cap, link->out_len + HEAD + len)) {
		return -1;
	}
	put_u32(link->out + link->out_len, tag << 16 | event);
	put_u32(link->out + link->out_len + 4, (uint32_t)len);
	if (len > 0) {
		memcpy(link->out + link->out_len + HEAD, payload, len);
	}
	link->out_len += HEAD + len;
	flush(link);
	return 0;
}

static void frames(struct link *link)
{
	size_t at = 0;

	while (!link->closing && link->in_len - at >= HEAD) {
		uint32_t head = get_u32(link->in + at), len = get_u32(link->in + at + 4);

		if (len > LINK_FRAME_MAX) {
			end(link, "the server announced a frame that is too long");
			return;
		}
		if (link->in_len - at < HEAD + len) {
			break;
		}
		link->handler->on_frame(link->arg, link, head & 0xFFFF, head >> 16, link->in + at + HEAD, len);
		at += HEAD + len;
	}
	memmove(link->in, link->in + at, link->in_len - at);
	link->in_len -= at;
}

static void readable(struct link *link)
{
	ssize_t n;

	if (!grow(&link->in, &link->in_cap, link->in_len + READ_MAX)) {
		end(link, "no memory");
		return;
	}
	n = recv(link->fd, link->in + link->in_len, link->in_cap - link->in_len, 0);
	if (n > 0) {
		link->in_len += (size_t)n;
		frames(link);
	} else if (n == 0) {
		end(link, "the server closed the connection");
	} else if (errno != EAGAIN && errno != EINTR) {
		end(link, strerror(errno));
	}
}

static void ready(struct link *link, uint32_t events)
{
	if (!link->connected) {
		int error = 0;
		socklen_t size = sizeof(error);

		getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error != 0) {
			end(link, strerror(error));
			return;
		}
		link->connected = 1;
		link->handler->on_open(link->arg, link, NULL);
		flush(link);
		return;
	}
	if (events & EPOLLOUT) {
		flush(link);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		readable(link);
	}
}

static void reap(struct links *links)
{
	while (links->closing != NULL) {
		struct link *link = links->closing;

		links->closing = link->next_closing;
		if (!link->connected) {
			link->handler->on_open(link->arg, link, link->why);
		}
		link->handler->on_close(link->arg, link, link->why);
		link_free(link);
	}
}

int links_wait(struct links *links, int timeout_ms, int also)
{
	struct epoll_event events[256];
	int n, input = 0;

	reap(links);
	if (also >= 0) {
		struct pollfd fds[2] = { { .fd = links->poll, .events = POLLIN }, { .fd = also, .events = POLLIN } };

		poll(fds, 2, timeout_ms);
		input = (fds[1].revents & (POLLIN | POLLHUP)) != 0;
		timeout_ms = 0;
	}
	n = epoll_wait(links->poll, events, 256, timeout_ms);
	for (int i = 0; i < n; i++) {
		struct link *link = events[i].data.ptr;

		if (!link->closing) {
			ready(link, events[i].events);
		}
	}
	reap(links);
	return input;
}

void link_close(struct link *link)
{
	flush(link);
	end(link, "closed");
}

const char *link_name(const struct link *link)
{
	return link->name;
}

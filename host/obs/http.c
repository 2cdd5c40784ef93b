/* SPDX-License-Identifier: MIT */
/* The pages for those who watch a host: a tiny HTTP/1.1 server (RFC 9112) on its main loop, on loopback alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/core.h"
#include "host/core/loop.h"
#include "host/net/net.h"
#include "host/obs/log.h"
#include "host/obs/metrics.h"
#include "host/obs/obs.h"

#define HTTP_CONNS_MAX 16u
#define HTTP_REQUEST_MAX 8192u
#define HTTP_IDLE_MS 5000u
#define HTTP_PAGE_MAX (8u * 1024u * 1024u)
#define TICK_MS 1000u

struct obs {
	struct core *core;
	struct net *net;
	struct net_owner owner;
	struct net_stats stats;
	struct loop_timer tick;
	uint16_t port;
};

static void *on_open(void *instance, void *arg, uint64_t conn, const char *peer, uint64_t network)
{
	(void)instance, (void)arg, (void)conn, (void)peer, (void)network;
	return NULL;
}

static void on_close(void *instance, void *user, uint64_t conn, int32_t why)
{
	(void)instance, (void)user, (void)conn, (void)why;
}

static void answer(struct obs *obs, uint64_t conn, const char *status, const struct text *body, bool head_only)
{
	char head[256];
	int len = snprintf(head, sizeof(head),
			   "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
			   "Content-Length: %zu\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
			   status, body->len);

	net_send(obs->net, &obs->owner, conn, head, (size_t)len, NULL);
	if (!head_only && body->len > 0) {
		net_send(obs->net, &obs->owner, conn, body->bytes, body->len, NULL);
	}
	net_close(obs->net, &obs->owner, conn, 0);
}

static const char *page(struct obs *obs, const char *path, struct text *body)
{
	if (strcmp(path, "/metrics") == 0) {
		obs_metrics_write(body, obs->core);
		return body->failed ? "500 Internal Server Error" : "200 OK";
	}
	if (strcmp(path, "/live") == 0) {
		text_put(body, "live\n");
		return "200 OK";
	}
	if (strcmp(path, "/ready") == 0) {
		return obs_ready_write(body, obs->core) ? "200 OK" : "503 Service Unavailable";
	}
	text_put(body, "there are /metrics, /live and /ready\n");
	return "404 Not Found";
}

/* `request` is the head, ended by an empty line. */
static void serve(struct obs *obs, uint64_t conn, const char *request)
{
	char method[8], path[128], version[4];
	const char *status;
	struct text body;

	text_init(&body, HTTP_PAGE_MAX);
	if (sscanf(request, "%7[A-Z] %127[^ \r\n?]%*[^ \r\n] HTTP/1.%1[01]", method, path, version) != 3 &&
	    sscanf(request, "%7[A-Z] %127[^ \r\n?] HTTP/1.%1[01]", method, path, version) != 3) {
		text_put(&body, "this is no HTTP/1.1 request\n");
		answer(obs, conn, "400 Bad Request", &body, false);
	} else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		text_put(&body, "pages are only read: GET or HEAD\n");
		answer(obs, conn, "405 Method Not Allowed", &body, false);
	} else {
		status = page(obs, path, &body);
		answer(obs, conn, status, &body, strcmp(method, "HEAD") == 0);
	}
	text_clear(&body);
}

static size_t on_bytes(void *instance, void *user, uint64_t conn, const uint8_t *bytes, size_t len)
{
	const uint8_t *end = memmem(bytes, len, "\r\n\r\n", 4);
	char request[HTTP_REQUEST_MAX + 1];
	size_t head_len = end != NULL ? (size_t)(end - bytes) : 0;

	(void)user;
	if (end == NULL && len < HTTP_REQUEST_MAX) {
		return 0;
	}
	if (end == NULL || head_len > HTTP_REQUEST_MAX || memchr(bytes, '\0', head_len) != NULL) {
		head_len = 0; /* answered as malformed */
	}
	memcpy(request, bytes, head_len);
	request[head_len] = '\0';
	serve(instance, conn, request);
	return len;
}

static void on_tick(struct loop_timer *timer)
{
	struct obs *obs = (struct obs *)(void *)((char *)timer - offsetof(struct obs, tick));

	log_tick();
	loop_timer_start(core_main_loop(obs->core), timer, TICK_MS);
}

int32_t obs_open(struct core *core, uint16_t port, struct obs **ret_obs, struct troupe_error *reterr)
{
	struct obs *obs = calloc(1, sizeof(*obs));
	char address[32];
	int32_t status = TROUPE_OK;

	if (obs == NULL) {
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	obs->core = core;
	obs->net = core_net(core, loop_index(core_main_loop(core)));
	obs->owner = (struct net_owner){ .instance = obs, .name = "metrics", .stats = &obs->stats };
	obs->tick.expire = on_tick;
	snprintf(address, sizeof(address), "tcp://127.0.0.1:%u", port);
	const struct troupe_listen listen = {
		.size = sizeof(listen),
		.conns_max = HTTP_CONNS_MAX,
		.address = address,
		.in_max = HTTP_REQUEST_MAX,
		.out_max = HTTP_PAGE_MAX + 1024,
		.idle_ms = HTTP_IDLE_MS,
		.on_open = on_open,
		.on_bytes = on_bytes,
		.on_close = on_close,
	};
	if (port != 0) {
		status = net_listen(obs->net, &obs->owner, &listen, &obs->port, reterr);
	}
	if (status != TROUPE_OK) {
		free(obs);
		return status;
	}
	on_tick(&obs->tick);
	*ret_obs = obs;
	return TROUPE_OK;
}

struct obs *obs_close(struct obs *obs)
{
	if (obs != NULL) {
		loop_timer_stop(&obs->tick);
		net_owner_stop(obs->net, &obs->owner);
		metrics_clear();
		free(obs);
	}
	return NULL;
}

uint16_t obs_port(const struct obs *obs)
{
	return obs->port;
}

/* SPDX-License-Identifier: MIT */
/* A host made of the bus's own layers. */
#include "tests/bus/rogue.h"

#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#include "host/bus/keys.h"

static void die(const char *what, const struct troupe_error *error)
{
	printf("Bail out! %s: %s\n", what, error != NULL ? error->text : "");
	exit(99);
}

static void on_frame(void *arg, uint8_t *bytes, size_t len)
{
	struct rogue *rogue = arg;
	uint64_t now_us = loop_now_us(rogue->loop);
	uint8_t *data;
	size_t data_len;

	if (seal_open(rogue->seal, bytes, len, now_us, &data, &data_len)) {
		link_receive(rogue->link, data, data_len, now_us);
	}
}

static bool send_frame(void *arg, uint8_t *frame, size_t len)
{
	struct rogue *rogue = arg;
	size_t sealed = seal_close(rogue->seal, frame - SEAL_HEAD, len, loop_now_us(rogue->loop));

	return sealed > 0 && wire_send(rogue->peer_wire, frame - SEAL_HEAD, sealed) == 0;
}

static void send_handshake(void *arg, const uint8_t *frame, size_t len)
{
	struct rogue *rogue = arg;

	wire_send(rogue->peer_wire, frame, len);
}

static void on_up(void *arg, uint64_t incarnation)
{
	struct rogue *rogue = arg;

	(void)incarnation;
	rogue->up = true;
}

static void on_down(void *arg, const char *why)
{
	struct rogue *rogue = arg;

	if (!rogue->stopping) {
		printf("Bail out! the link ended: %s\n", why);
		exit(99);
	}
}

static void on_message(void *arg, const struct envelope *envelope, const uint8_t *body)
{
	struct rogue *rogue = arg;

	if (envelope->kind == TROUPE_MESSAGE_REPLY) {
		rogue->on_reply(rogue, envelope, body);
	}
}

static void tick(struct rogue *rogue)
{
	uint64_t now_us = loop_now_us(rogue->loop);
	uint64_t next_us = seal_tick(rogue->seal, now_us), link_us;

	if (rogue->up) {
		rogue->on_turn(rogue);
	}

	link_flush(rogue->link, now_us);
	link_us = link_tick(rogue->link, now_us);
	next_us = link_us < next_us ? link_us : next_us;
	loop_timer_start(rogue->loop, &rogue->timer, next_us > now_us ? (next_us - now_us) / 1000 + 1 : 1);
}

static void on_timer(struct loop_timer *timer)
{
	tick((struct rogue *)(void *)((char *)timer - offsetof(struct rogue, timer)));
}

static bool on_end(struct loop_hook *hook)
{
	tick((struct rogue *)(void *)((char *)hook - offsetof(struct rogue, end)));
	return false;
}

static void on_writable(void *arg)
{
	struct rogue *rogue = arg;

	link_writable(rogue->link, loop_now_us(rogue->loop));
}

void rogue_start(struct rogue *rogue, const char *peer)
{
	const struct config *config = rogue->config;
	const struct config_host *host = NULL;
	struct troupe_error error = { 0 };
	char own[CONFIG_ADDRESS_MAX], theirs[CONFIG_ADDRESS_MAX];
	const char *binds[] = { own, NULL };
	struct wire_setup wire = { .binds = binds, .on_frame = on_frame, .arg = rogue };
	struct seal_setup seal = { .prologue = config->cluster, .prologue_len = strlen(config->cluster),
				   .send = send_handshake, .arg = rogue };
	struct link_setup link = {  .room_head = SEAL_HEAD, .room_tail = SEAL_TAIL, .send = send_frame,
				   .on_message = on_message, .on_up = on_up, .on_down = on_down, .arg = rogue };

	for (uint32_t i = 0; i < config->hosts_len; i++) {
		host = strcmp(config->hosts[i].name, peer) == 0 ? &config->hosts[i] : host;
	}
	randombytes_buf(&link.incarnation, sizeof(link.incarnation));
	rogue->loop = wire.loop = loop_new(0, "rogue");
	seal.self = troupe_fnv64(config->host->name, strlen(config->host->name));
	seal.peer = troupe_fnv64(peer, strlen(peer));
	config_host_address(config, config->host, config->host, own, sizeof(own));
	config_host_address(config, config->host, host, theirs, sizeof(theirs));
	if (keys_own(config, seal.secrets, &seal.secrets_len, &error) < 0 ||
	    keys_peer(config, host, NULL, seal.peers, &seal.peers_len, &error) < 0 ||
	    wire_open(&wire, &rogue->wire, &error) < 0 ||
	    wire_connect(rogue->wire, theirs, on_writable, rogue, &rogue->peer_wire) < 0) {
		die("rogue", &error);
	}
	rogue->seal = seal_new(&seal, loop_now_us(rogue->loop));
	rogue->link = link_new(&link, loop_now_us(rogue->loop));
	rogue->timer.expire = on_timer;
	rogue->end.run = on_end;
	loop_hook_end(rogue->loop, &rogue->end);
	loop_timer_start(rogue->loop, &rogue->timer, 1);
}

bool rogue_call(struct rogue *rogue, uint64_t id, uint64_t source, uint64_t target, uint32_t method)
{
	struct envelope envelope = { .kind = TROUPE_MESSAGE_CALL, .method = method, .call = id, .source = source,
				     .target = target, .timeout_ms = 5000 };

	return link_push(rogue->link, &envelope, NULL) == 0;
}

void rogue_stop(struct rogue *rogue)
{
	rogue->stopping = true;
	link_bye(rogue->link, loop_clock_us());
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL); /* closing drops what is queued */
	wire_disconnect(rogue->peer_wire);
	wire_close(rogue->wire);
	link_free(rogue->link);
	seal_free(rogue->seal);
	loop_free(rogue->loop);
}

/* SPDX-License-Identifier: MIT */
/* The bus: its peers, and what drives wire, seal and link of each. */
#include "host/bus/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/bus/cipher.h"
#include "host/bus/folder.h"
#include "host/bus/keys.h"
#include "host/bus/peer.h"
#include "host/config/config.h"
#include "host/core/buf.h"
#include "host/obs/log.h"

#define GOODBYE_MS 50u
#define RECONNECT_US (2u * 1000000u) /* how long a connection is given to bring a link up */

/* --- one peer ------------------------------------------------------------------------------------- */

static uint64_t now_of(const struct peer *peer)
{
	return loop_now_us(peer->bus->loop);
}

int peer_push(struct peer *peer, const struct envelope *envelope, struct troupe_buf *body)
{
	int r = peer->held == NULL ? link_push(peer->link, envelope, body) : -EAGAIN;

	peer->dirty = true;
	return r;
}

void peer_reply(struct peer *peer, const struct envelope *envelope, struct troupe_buf *body)
{
	struct held_reply *held;

	if (peer_push(peer, envelope, body) != -EAGAIN) {
		return;
	}
	held = malloc(sizeof(*held));
	if (held == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	*held = (struct held_reply){ .envelope = *envelope, .body = buf_ref(body) };
	*peer->held_tail = held;
	peer->held_tail = &held->next;
	peer->held_len++;
	peer->held_bytes += envelope->body_len;
}

static struct held_reply *held_shift(struct peer *peer)
{
	struct held_reply *held = peer->held;

	if (held != NULL) {
		peer->held = held->next;
		peer->held_len--;
		peer->held_bytes -= held->envelope.body_len;
		if (peer->held == NULL) {
			peer->held_tail = &peer->held;
		}
	}
	return held;
}

static void held_free(struct held_reply *held)
{
	buf_unref(held->body);
	free(held);
}

static void held_send(struct peer *peer)
{
	while (peer->held != NULL && link_push(peer->link, &peer->held->envelope, peer->held->body) != -EAGAIN) {
		held_free(held_shift(peer));
	}
}

static void held_drop(struct peer *peer)
{
	while (peer->held != NULL) {
		held_free(held_shift(peer));
	}
}

static void peer_say(const struct peer *peer, uint32_t level, const char *what, const char *why)
{
	char text[256];

	snprintf(text, sizeof(text), "host \"%s\" %s%s%s", peer->name, what, why[0] != '\0' ? ": " : "", why);
	log_write(&(struct log_line){ .level = level, .instance = "host", .text = text });
}

static void on_up(void *arg, uint64_t incarnation)
{
	struct peer *peer = arg;

	peer->up = true;
	peer->incarnation = incarnation;
	peer_say(peer, TROUPE_LOG_NOTICE, "is linked", "");
	routes_up(peer);
}

static void on_down(void *arg, const char *why)
{
	struct peer *peer = arg;

	peer->up = false;
	if (why == link_peer_ended) {
		peer_say(peer, TROUPE_LOG_NOTICE, "is gone", why);
	} else if (why != link_self_ends) {
		peer_say(peer, TROUPE_LOG_WARNING, "is lost", why);
	}
	if (peer->bus->closing) {
		return;
	}
	peer->reconnect_us = now_of(peer) + RECONNECT_US;
	messages_down(peer);
	held_drop(peer);
	routes_down(peer);
}

static void on_died(struct loop_task *task)
{
	struct peer *peer = (struct peer *)(void *)((char *)task - offsetof(struct peer, died));

	atomic_store(&peer->dying, false);
	link_lost(peer->link, "its process has died", loop_now_us(peer->bus->loop));
}

void bus_child_died(struct bus *bus, const struct instance *proxy)
{
	for (uint32_t i = 0; bus != NULL && i < bus->peers_len; i++) {
		struct peer *peer = &bus->peers[i];
		if (peer->kind == PEER_CHILD && strcmp(peer->isolated->name, proxy->host.name) == 0 &&
		    !atomic_exchange(&peer->dying, true)) {
			loop_post(bus->loop, &peer->died);
		}
	}
}

static void on_message(void *arg, const struct envelope *envelope, const uint8_t *body)
{
	struct peer *peer = arg;

	if (envelope->kind == TROUPE_MESSAGE_EVENT && envelope->method == BUS_REPORT &&
	    envelope->source == peer->instance_id) {
		routes_hear(peer, body, envelope->body_len);
	} else {
		messages_receive(peer, envelope, body);
	}
}

static bool send_frame(void *arg, uint8_t *frame, size_t len)
{
	struct peer *peer = arg;
	size_t sealed = seal_close(peer->seal, frame - SEAL_HEAD, len, now_of(peer));

	return sealed > 0 && wire_send(peer->wire, frame - SEAL_HEAD, sealed) == 0;
}

static void send_handshake(void *arg, const uint8_t *frame, size_t len)
{
	struct peer *peer = arg;

	if (peer->wire != NULL) {
		wire_send(peer->wire, frame, len); /* it is repeated anyway */
	}
}

static void on_writable(void *arg)
{
	struct peer *peer = arg;

	link_writable(peer->link, now_of(peer));
	peer->dirty = true;
}

/* What the link sends is lost, or there is nobody: the kernel would try the same connection again ever more rarely. */
static void reconnect(struct peer *peer, uint64_t now_us)
{
	if (!peer->up && peer->wire != NULL && now_us >= peer->reconnect_us) {
		peer->reconnect_us = now_us + RECONNECT_US;
		wire_reconnect(peer->wire); /* if it fails, it is tried again then */
	}
}

/* Does what is due, and comes again when the next is: within LINK_HELLO_US while it is not up. */
static void peer_tick(struct peer *peer)
{
	uint64_t now_us = now_of(peer);
	uint64_t next_us = seal_tick(peer->seal, now_us);
	uint64_t link_us;
	bool sealed = seal_up(peer->seal);

	if (sealed && !peer->sealed) {
		link_writable(peer->link, now_us); /* it was refused for want of a session */
	}
	peer->sealed = sealed;
	reconnect(peer, now_us);
	held_send(peer);
	link_flush(peer->link, now_us);
	link_us = link_tick(peer->link, now_us);
	next_us = link_us < next_us ? link_us : next_us;
	loop_timer_start(peer->bus->loop, &peer->timer, next_us > now_us ? (next_us - now_us + 999) / 1000 : 1);
	peer->dirty = false;
}

static void on_timer(struct loop_timer *timer)
{
	peer_tick((struct peer *)(void *)((char *)timer - offsetof(struct peer, timer)));
}

/* --- all of them ---------------------------------------------------------------------------------- */

static void on_frame(void *arg, uint8_t *bytes, size_t len)
{
	struct bus *bus = arg;
	uint64_t sender = seal_sender(bytes, len);
	uint8_t *data;
	size_t data_len;

	for (uint32_t i = 0; i < bus->peers_len; i++) {
		struct peer *peer = &bus->peers[i];
		if (peer->id != sender) {
			continue;
		}
		if (seal_open(peer->seal, bytes, len, now_of(peer), &data, &data_len)) {
			link_receive(peer->link, data, data_len, now_of(peer));
		}
		peer->dirty = true;
		return;
	}
	atomic_fetch_add_explicit(&bus->strangers, 1, memory_order_relaxed);
}

static bool on_end(struct loop_hook *hook)
{
	struct bus *bus = (struct bus *)(void *)((char *)hook - offsetof(struct bus, end));

	for (uint32_t i = 0; i < bus->peers_len; i++) {
		if (bus->peers[i].dirty) {
			peer_tick(&bus->peers[i]);
		}
	}
	return false;
}

static void view(struct peer *peer)
{
	struct link_counts link;
	struct seal_counts seal;

	link_counts(peer->link, &link);
	seal_counts(peer->seal, &seal);
	pthread_mutex_lock(&peer->bus->mutex);
	struct bus_link *to = &peer->view;
	snprintf(to->name, sizeof(to->name), "%s", peer->name);
	to->up = peer->up;
	to->sealed = seal_up(peer->seal);
	to->forwards = peer->forwards;
	to->incarnation = peer->incarnation;
	to->rtt_us = link.rtt_us;
	to->messages_sent = link.messages_sent;
	to->messages_received = link.messages_received;
	to->bytes_sent = link.bytes_sent;
	to->bytes_received = link.bytes_received;
	to->frames_sent = link.frames_sent;
	to->frames_received = link.frames_received;
	to->waiting = link.waiting;
	to->waiting_bytes = link.waiting_bytes;
	to->resent = link.resent;
	to->full = link.full;
	to->downs = link.downs;
	to->throttled = seal.throttled;
	to->sessions = seal.sessions;
	to->forged = seal.forged;
	to->replayed = seal.replayed;
	to->stale = seal.stale;
	to->malformed = seal.malformed + link.malformed;
	to->refused = peer->refused;
	to->forwarded = peer->forwarded;
	pthread_mutex_unlock(&peer->bus->mutex);
}

static void on_report(struct loop_timer *timer)
{
	struct bus *bus = (struct bus *)(void *)((char *)timer - offsetof(struct bus, report));
	bool loads = ++bus->reports % (BUS_LOAD_MS / BUS_REPORT_MS) == 0;

	routes_tell(bus, loads);
	for (uint32_t i = 0; loads && i < bus->peers_len; i++) {
		view(&bus->peers[i]);
	}
	loop_timer_start(bus->loop, &bus->report, BUS_REPORT_MS);
}

uint32_t bus_links(struct bus *bus, struct bus_link *ret_links, uint32_t max)
{
	if (bus == NULL) {
		return 0;
	}
	pthread_mutex_lock(&bus->mutex);
	for (uint32_t i = 0; i < bus->peers_len && i < max; i++) {
		ret_links[i] = bus->peers[i].view;
	}
	pthread_mutex_unlock(&bus->mutex);
	return bus->peers_len;
}

void bus_totals(struct bus *bus, struct bus_totals *ret_totals)
{
	*ret_totals = (struct bus_totals){
		.strangers = atomic_load_explicit(&bus->strangers, memory_order_relaxed),
		.inbound_full = atomic_load_explicit(&bus->inbound_full, memory_order_relaxed),
	};
}

/* --- making it ------------------------------------------------------------------------------------ */

static int fail(struct troupe_error *reterr, int error, const char *what)
{
	reterr->status = TROUPE_INTERNAL;
	snprintf(reterr->text, sizeof(reterr->text), "%s: %s", what, strerror(-error));
	reterr->help[0] = '\0';
	return error;
}

/* The name of a process on the bus. */
static void name_of(char ret_name[PEER_NAME], const struct config_host *host, const struct config_instance *isolated)
{
	snprintf(ret_name, PEER_NAME, "%s%s%s", host->name, isolated != NULL ? "~" : "",
		 isolated != NULL ? isolated->name : "");
}

static void peer_add(struct bus *bus, enum peer_kind kind, const struct config_host *host,
		     const struct config_instance *isolated)
{
	struct peer *peer = &bus->peers[bus->peers_len];
	char instance[PEER_NAME + 8];

	*peer = (struct peer){ .bus = bus, .index = bus->peers_len++, .kind = kind, .host = host, .isolated = isolated };
	name_of(peer->name, host, isolated);
	snprintf(instance, sizeof(instance), "host.%s", peer->name);
	peer->id = troupe_fnv64(peer->name, strlen(peer->name));
	peer->instance_id = troupe_fnv64(instance, strlen(instance));
	peer->held_tail = &peer->held;
	peer->timer.expire = on_timer;
	peer->died.run = on_died;
	snprintf(peer->view.name, sizeof(peer->view.name), "%s", peer->name);
}

/* Does a host run something that provides `master`? */
static bool runs_master(const struct config *config, const struct config_host *host)
{
	for (uint32_t i = 0; i < config->instances_len; i++) {
		const char *const *name = config->instances[i].plugin->provides;
		for (; config_host_of(config, &config->instances[i]) == host && name != NULL && *name != NULL; name++) {
			if (strcmp(*name, "master") == 0) {
				return true;
			}
		}
	}
	return false;
}

static int peers_fill(struct bus *bus)
{
	const struct config *config = core_config(bus->core);

	bus->peers = calloc((size_t)config->hosts_len + config->instances_len + 1, sizeof(*bus->peers));
	if (bus->peers == NULL) {
		return -ENOMEM;
	}
	if (config->isolated != NULL) {
		peer_add(bus, PEER_PARENT, config->host, NULL);
		return 0;
	}
	bus->forwards = runs_master(config, config->host);
	for (uint32_t i = 0; i < config->hosts_len; i++) {
		const struct config_host *host = &config->hosts[i];
		if (host != config->host && config_hosts_linked(config, config->host, host)) {
			peer_add(bus, PEER_HOST, host, NULL);
			bus->peers[bus->peers_len - 1].forwards = runs_master(config, host);
		}
	}
	for (uint32_t i = 0; i < config->instances_len; i++) {
		const struct config_instance *one = &config->instances[i];
		if (one->isolate && config_host_of(config, one) == config->host) {
			peer_add(bus, PEER_CHILD, config->host, one);
		}
	}
	return 0;
}

/* Where the peer is found. */
static const char *address_of(const struct peer *peer, char buf[CONFIG_ADDRESS_MAX])
{
	const struct config *config = core_config(peer->bus->core);

	if (peer->kind == PEER_CHILD) {
		return config_isolate_address(config, peer->isolated, buf, CONFIG_ADDRESS_MAX);
	}
	return config_host_address(config, config->host, peer->host, buf, CONFIG_ADDRESS_MAX);
}

static int wire_make(struct bus *bus, struct troupe_error *reterr)
{
	const struct config *config = core_config(bus->core);
	char local[CONFIG_ADDRESS_MAX], tcp[CONFIG_ADDRESS_MAX];
	const char *binds[3] = { NULL, NULL, NULL };
	struct wire_setup setup = { .loop = bus->loop, .binds = binds, .on_frame = on_frame, .arg = bus };

	if (config->isolated != NULL) {
		binds[0] = config_isolate_address(config, config->isolated, local, sizeof(local));
	} else {
		binds[0] = config_host_address(config, config->host, config->host, local, sizeof(local));
		if (config->host->bus_port != 0) {
			snprintf(tcp, sizeof(tcp), "tcp://%s:%u", config->host->address, config->host->bus_port);
			binds[1] = tcp;
		}
	}
	int r = folder_make(config->sockets, reterr);
	return r < 0 ? r : wire_open(&setup, &bus->wire, reterr);
}

static int peer_open(struct peer *peer, const uint8_t secrets[SEAL_KEYS_MAX][SEAL_KEY], unsigned secrets_len,
		     struct troupe_error *reterr)
{
	struct bus *bus = peer->bus;
	const char *cluster = core_config(bus->core)->cluster;
	struct seal_setup seal = { .self = bus->id, .peer = peer->id, .secrets_len = secrets_len, .prologue = cluster,
				   .prologue_len = strlen(cluster), .send = send_handshake, .arg = peer };
	const struct link_setup link = { .incarnation = bus->incarnation, .room_head = SEAL_HEAD, .room_tail = SEAL_TAIL,
					 .send = send_frame, .on_message = on_message, .on_up = on_up, .on_down = on_down,
					 .arg = peer };
	char address[CONFIG_ADDRESS_MAX];
	uint64_t now_us = loop_now_us(bus->loop);
	int r = keys_peer(core_config(bus->core), peer->host, peer->isolated, seal.peers, &seal.peers_len, reterr);

	if (r < 0) {
		return r;
	}
	memcpy(seal.secrets, secrets, sizeof(seal.secrets));
	peer->seal = seal_new(&seal, now_us);
	peer->link = link_new(&link, now_us);
	cipher_wipe(&seal, sizeof(seal));
	if (peer->seal == NULL || peer->link == NULL) {
		return fail(reterr, -ENOMEM, "links");
	}
	address_of(peer, address);
	peer->reconnect_us = now_us + RECONNECT_US;
	r = wire_connect(bus->wire, address, on_writable, peer, &peer->wire);
	return r < 0 ? fail(reterr, r, address) : 0;
}

static int peers_open(struct bus *bus, struct troupe_error *reterr)
{
	uint8_t secrets[SEAL_KEYS_MAX][SEAL_KEY];
	unsigned secrets_len = 0;
	int r = keys_own(core_config(bus->core), secrets, &secrets_len, reterr);

	for (uint32_t i = 0; i < bus->peers_len && r == 0; i++) {
		r = peer_open(&bus->peers[i], secrets, secrets_len, reterr);
	}
	cipher_wipe(secrets, sizeof(secrets));
	return r;
}

static int bus_make(struct bus *bus, struct troupe_error *reterr)
{
	const struct config *config = core_config(bus->core);
	char name[PEER_NAME];
	int r;

	name_of(name, config->host, config->isolated);
	bus->id = troupe_fnv64(name, strlen(name));
	while (bus->incarnation == 0) {
		cipher_random(&bus->incarnation, sizeof(bus->incarnation));
	}
	bus->inbound = calloc(INBOUND_BUCKETS, sizeof(struct inbound *));
	r = bus->inbound != NULL ? peers_fill(bus) : -ENOMEM;
	if (r == 0) {
		r = routes_init(bus);
	}
	if (r < 0) {
		return fail(reterr, r, r == -E2BIG ? "too many instances to report" : "links");
	}
	r = wire_make(bus, reterr);
	return r < 0 ? r : peers_open(bus, reterr);
}

int bus_new(struct core *core, struct bus **ret_bus, struct troupe_error *reterr)
{
	struct bus *bus;
	uint32_t len;
	struct instance *const *remotes = core_remotes(core, &len);
	int r;

	*ret_bus = NULL;
	if (len == 0 || core_config(core)->hosts == NULL) {
		return 0;
	}
	bus = calloc(1, sizeof(*bus));
	if (bus == NULL) {
		return fail(reterr, -ENOMEM, "links");
	}
	bus->core = core;
	bus->loop = core_first_loop(core);
	bus->mailbox = remotes[0]->mailbox;
	pthread_mutex_init(&bus->mutex, NULL);
	r = bus_make(bus, reterr);
	if (r < 0) {
		bus_free(bus);
		return r;
	}
	bus->end.run = on_end;
	loop_hook_end(bus->loop, &bus->end);
	bus->report.expire = on_report;
	loop_timer_start(bus->loop, &bus->report, 1);
	for (uint32_t i = 0; i < bus->peers_len; i++) {
		loop_timer_start(bus->loop, &bus->peers[i].timer, 1);
	}
	*ret_bus = bus;
	return 0;
}

struct bus *bus_free(struct bus *bus)
{
	bool told = false;

	if (bus == NULL) {
		return NULL;
	}
	bus->closing = true;
	for (uint32_t i = 0; i < bus->peers_len; i++) {
		struct peer *peer = &bus->peers[i];
		if (peer->up) {
			peer->up = false;
			told = true;
			link_bye(peer->link, loop_clock_us());
		}
	}
	if (told) {
		nanosleep(&(struct timespec){ .tv_nsec = GOODBYE_MS * 1000000L }, NULL); /* closing drops what is queued */
	}
	for (uint32_t i = 0; i < bus->peers_len; i++) {
		struct peer *peer = &bus->peers[i];
		held_drop(peer);
		peer->wire = wire_disconnect(peer->wire);
		peer->link = link_free(peer->link);
		peer->seal = seal_free(peer->seal);
		cipher_wipe(&peer->keys, sizeof(peer->keys));
	}
	wire_close(bus->wire);
	messages_fini(bus);
	routes_fini(bus);
	free(bus->peers);
	pthread_mutex_destroy(&bus->mutex);
	free(bus);
	return NULL;
}

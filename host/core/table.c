/* SPDX-License-Identifier: MIT */
/* The host table: thin functions that lead to where the work is done. */
#include "host/core/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "host/core/buf.h"
#include "host/core/call.h"
#include "host/core/core.h"
#include "host/core/directory.h"
#include "host/core/job.h"
#include "host/core/timer.h"
#include "host/core/watch.h"
#include "host/obs/obs.h"

static uint64_t on_now_us(const struct troupe_host *h)
{
	return loop_now_us(instance_of(h)->loop);
}

static int64_t on_wall_ms(const struct troupe_host *h)
{
	struct timespec now;

	(void)h;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_random_bytes(const struct troupe_host *h, void *ret_bytes, size_t len)
{
	uint8_t *bytes = ret_bytes;

	(void)h;
	while (len > 0) {
		ssize_t got = getrandom(bytes, len < 256 ? len : 256, 0);
		if (got <= 0) {
			abort(); /* without randomness nothing here is safe to go on */
		}
		bytes += got;
		len -= (size_t)got;
	}
}

static void on_state(const struct troupe_host *h, uint32_t ready, uint32_t load, const char *why)
{
	struct instance *instance = instance_of(h);
	bool standby = ready == TROUPE_STANDBY, takes_calls = ready != 0 && !standby;
	bool before = atomic_load_explicit(&instance->ready, memory_order_relaxed);

	instance->state_told = true;
	atomic_store_explicit(&instance->load, load, memory_order_relaxed);
	/* one that is ready and says so again, to tell its load, does not undo what the host found missing */
	if (!takes_calls || !before) {
		core_why(instance, takes_calls || why == NULL ? "" : why);
	}
	atomic_store_explicit(&instance->ready, takes_calls, memory_order_relaxed);
	if (atomic_exchange_explicit(&instance->standby, standby, memory_order_relaxed) != standby ||
	    before != takes_calls) {
		core_changed(instance->core);
	}
}

static void on_drained(const struct troupe_host *h)
{
	struct instance *instance = instance_of(h);
	int draining = INSTANCE_DRAINING;

	if (atomic_compare_exchange_strong(&instance->state, &draining, INSTANCE_DRAINED)) {
		core_changed(instance->core);
	}
}

static struct troupe_buf *on_buf_new(const struct troupe_host *h, size_t len, uint8_t **ret_bytes)
{
	(void)h;
	return buf_new(len, ret_bytes);
}

static struct troupe_buf *on_buf_ref(const struct troupe_host *h, struct troupe_buf *buf)
{
	(void)h;
	return buf_ref(buf);
}

static void on_buf_unref(const struct troupe_host *h, struct troupe_buf *buf)
{
	(void)h;
	buf_unref(buf);
}

static uint64_t on_call(const struct troupe_host *h, const struct troupe_call *call)
{
	return call_start(instance_of(h), call);
}

static void on_cancel(const struct troupe_host *h, uint64_t call)
{
	call_cancel(instance_of(h), call);
}

static void on_reply(const struct troupe_host *h, uint64_t request, int32_t status, struct troupe_buf *body)
{
	call_reply(instance_of(h), request, status, body);
}

static uint32_t on_peers(const struct troupe_host *h, const char *name, struct troupe_peer *ret_peers, uint32_t max)
{
	const struct service *service = directory_service(core_directory(instance_of(h)->core), name);
	uint32_t len = service != NULL ? service->instances_len : 0;

	for (uint32_t i = 0; i < len && i < max; i++) {
		const struct instance *one = service->instances[i];
		ret_peers[i] = (struct troupe_peer){
			.id = one->host.id,
			.name = one->host.name,
			.part = one->host.part,
			.ready = directory_ready(one),
			.load = atomic_load_explicit(&one->load, memory_order_relaxed),
		};
	}
	return len;
}

static int32_t on_place(const struct troupe_host *h, uint32_t route, uint64_t key, uint64_t instance)
{
	return directory_place(core_directory(instance_of(h)->core), route, key, instance);
}

static int32_t on_route(const struct troupe_host *h, uint32_t event, struct troupe_route *ret_route)
{
	return directory_route(core_directory(instance_of(h)->core), event, ret_route);
}

static uint64_t on_timer_start(const struct troupe_host *h, uint64_t ms, troupe_timer_fn fn, void *arg)
{
	return timer_start(instance_of(h), ms, fn, arg);
}

static void on_timer_stop(const struct troupe_host *h, uint64_t timer)
{
	timer_stop(instance_of(h), timer);
}

static void on_job(const struct troupe_host *h, const struct troupe_job *job)
{
	job_start(instance_of(h), job);
}

static void on_files(const struct troupe_host *h, const struct troupe_files *files)
{
	files_start(instance_of(h), files);
}

static uint64_t on_watch(const struct troupe_host *h, const char *path, troupe_timer_fn on_change, void *arg)
{
	return watch_start(instance_of(h), path, on_change, arg);
}

static void on_watch_stop(const struct troupe_host *h, uint64_t watch)
{
	watch_stop(instance_of(h), watch);
}

void table_fill(struct instance *instance)
{
	struct troupe_host *table = &instance->host;

	table->size = sizeof(*table);
	table->abi_major = TROUPE_ABI_MAJOR;
	table->abi_minor = TROUPE_ABI_MINOR;
	table->now_us = on_now_us;
	table->wall_ms = on_wall_ms;
	table->random_bytes = on_random_bytes;
	table->state = on_state;
	table->drained = on_drained;
	table->buf_new = on_buf_new;
	table->buf_ref = on_buf_ref;
	table->buf_unref = on_buf_unref;
	table->call = on_call;
	table->cancel = on_cancel;
	table->reply = on_reply;
	table->peers = on_peers;
	table->place = on_place;
	table->route = on_route;
	table->timer_start = on_timer_start;
	table->timer_stop = on_timer_stop;
	table->job = on_job;
	table->files = on_files;
	table->watch = on_watch;
	table->watch_stop = on_watch_stop;
	obs_table_fill(table);
	table_fill_db(table);
	table_fill_net(table);
}

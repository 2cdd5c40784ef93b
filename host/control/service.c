/* SPDX-License-Identifier: MIT */
/* The host as a service: READY, STATUS, RELOADING, STOPPING, WATCHDOG. */
#include "host/control/service.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/notify.h"
#include "host/obs/log.h"
#include "host/obs/text.h"

#define STATUS_MAX 256u
#define STATUS_NAMES 3u	      /* named in a line; the others are counted */
#define STATUS_PAUSE_MS 200u  /* between two lines that differ in STATUS alone */
#define PERIOD_MS 5000u	      /* between two rounds when no watchdog says how long */
#define STOP_GRACE_MS 30000u  /* for stop and destroy, after the time to drain */

/* What goes round the loops. */
struct beat {
	struct loop_task task; /* first */
	struct service *service;
};

struct service {
	struct core *core;
	struct notify notify;
	struct loop_timer later; /* a status that came too soon after another */
	bool waits;
	char status[STATUS_MAX]; /* as told */
	bool ready_told, stopping_told, reload_told;
	unsigned reloads; /* under way */
	uint64_t drain_until_ms;
	/* the round */
	uint64_t period_ms;
	struct loop_timer timer;
	struct loop_task back;
	bool due, alive; /* the time has come; every loop has turned */
	atomic_uint left;
	struct beat *beats;
	unsigned beats_len;
};

static uint64_t now_ms(void)
{
	return loop_clock_us() / 1000;
}

/* --- the status line ------------------------------------------------------------------------------ */

static void status_names(struct text *out, const char *what, const struct core_instance *all, uint32_t len, bool failed)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < len; i++) {
		bool ended = strcmp(all[i].state, "stopped") == 0;
		if (all[i].ready || ended || (strcmp(all[i].state, "failed") == 0) != failed) {
			continue;
		}
		if (found < STATUS_NAMES) {
			text_format(out, "%s%s", found == 0 ? what : ", ", all[i].name);
		}
		found++;
	}
	if (found > STATUS_NAMES) {
		text_format(out, " and %u more", found - STATUS_NAMES);
	}
}

static void status_write(struct service *service, char *ret_line, size_t size)
{
	uint32_t len = 0, ready = 0, ended = 0;
	struct core_instance *all = core_snapshot(service->core, &len);
	struct text out;

	text_init_fixed(&out, ret_line, size);
	for (uint32_t i = 0; all != NULL && i < len; i++) {
		ready += all[i].ready != 0;
		ended += strcmp(all[i].state, "stopped") == 0 || strcmp(all[i].state, "failed") == 0;
	}
	if (core_draining(service->core)) {
		text_format(&out, "stopping, %u of %u have ended", ended, len);
	} else {
		text_format(&out, "%u of %u ready", ready, len);
		status_names(&out, "; waiting: ", all, len, false);
		status_names(&out, "; failed: ", all, len, true);
	}
	free(all);
}

/* --- what is told --------------------------------------------------------------------------------- */

static bool tell(const struct service *service, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool tell(const struct service *service, const char *format, ...)
{
	char message[NOTIFY_MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return notify_send(&service->notify, message);
}

/* What could not be handed over is tried again with the next change or round. */
static void look(struct service *service)
{
	char status[STATUS_MAX];
	bool told;

	status_write(service, status, sizeof(status));
	if (core_draining(service->core) && !service->stopping_told) {
		told = tell(service, "STOPPING=1\nSTATUS=%s", status);
		service->stopping_told = told;
	} else if (core_settled(service->core) && !service->ready_told && !core_draining(service->core)) {
		told = tell(service, "READY=1\nSTATUS=%s", status);
		service->ready_told = told;
	} else if (strcmp(status, service->status) == 0 || service->waits) {
		return;
	} else {
		told = tell(service, "STATUS=%s", status);
		service->waits = true;
		loop_timer_start(core_main_loop(service->core), &service->later, STATUS_PAUSE_MS);
	}
	if (told) {
		memcpy(service->status, status, sizeof(status));
	}
}

static void on_later(struct loop_timer *timer)
{
	struct service *service = (struct service *)(void *)((char *)timer - offsetof(struct service, later));

	service->waits = false;
	look(service);
}

static void on_change(struct core *core, void *arg)
{
	struct service *service = arg;

	if (core_draining(core) && service->drain_until_ms == 0) {
		service->drain_until_ms = now_ms() + core_config(core)->drain_ms + STOP_GRACE_MS;
	}
	look(service);
}

void service_reloading(struct service *service, bool begins)
{
	if (service == NULL) {
		return;
	}
	service->reloads = begins ? service->reloads + 1 : service->reloads - 1;
	if (!service->ready_told || core_draining(service->core)) {
		return; /* between READY=1 and STOPPING=1 alone */
	}
	if (begins) {
		service->reload_told = tell(service, "RELOADING=1\nMONOTONIC_USEC=%llu",
					    (unsigned long long)loop_clock_us());
	} else if (service->reloads == 0 && service->reload_told) {
		service->reload_told = false;
		/* not handed over: look tells it again */
		service->ready_told = tell(service, "READY=1");
	}
}

/* --- the watchdog --------------------------------------------------------------------------------- */

static void round_begin(struct service *service)
{
	service->due = service->alive = false;
	atomic_store(&service->left, service->beats_len);
	for (unsigned i = 0; i < service->beats_len; i++) {
		loop_post(core_loop(service->core, i), &service->beats[i].task);
	}
	loop_timer_start(core_main_loop(service->core), &service->timer, service->period_ms);
}

static void round_end(struct service *service)
{
	bool starting = !core_settled(service->core) && !core_draining(service->core);

	if (!service->due || !service->alive) {
		return;
	}
	if (service->notify.watchdog_us > 0) {
		tell(service, "WATCHDOG=1");
	}
	if (starting || (core_draining(service->core) && now_ms() < service->drain_until_ms)) {
		tell(service, "EXTEND_TIMEOUT_USEC=%llu", (unsigned long long)service->period_ms * 4000u);
	}
	look(service);
	round_begin(service);
}

static void on_due(struct loop_timer *timer)
{
	struct service *service = (struct service *)(void *)((char *)timer - offsetof(struct service, timer));

	service->due = true;
	round_end(service);
}

/* On the main loop: all loops have turned. */
static void on_back(struct loop_task *task)
{
	struct service *service = (struct service *)(void *)((char *)task - offsetof(struct service, back));

	service->alive = true;
	round_end(service);
}

/* On each of the others. */
static void on_beat(struct loop_task *task)
{
	struct service *service = ((struct beat *)(void *)task)->service;

	if (atomic_fetch_sub(&service->left, 1) == 1) {
		loop_post(core_main_loop(service->core), &service->back);
	}
}

/* --- life ----------------------------------------------------------------------------------------- */

static bool beats_make(struct service *service)
{
	while (core_loop(service->core, service->beats_len) != NULL) {
		service->beats_len++;
	}
	service->beats = calloc(service->beats_len, sizeof(*service->beats));
	for (unsigned i = 0; service->beats != NULL && i < service->beats_len; i++) {
		service->beats[i] = (struct beat){ .task = { .run = on_beat }, .service = service };
	}
	return service->beats != NULL;
}

struct service *service_open(struct core *core)
{
	struct notify notify;
	struct service *service;
	int r = notify_open(&notify);

	if (r < 0) {
		if (r != -ENODATA) {
			log_text(TROUPE_LOG_WARNING, "service",
				 "cannot use the socket that NOTIFY_SOCKET named: %s; nobody is told when the host is ready",
				 strerror(-r));
		}
		return NULL;
	}
	service = calloc(1, sizeof(*service));
	if (service == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	service->core = core;
	service->notify = notify;
	service->period_ms = notify.watchdog_us > 0 ? notify.watchdog_us / 2000 : PERIOD_MS;
	service->period_ms += service->period_ms == 0;
	service->later.expire = on_later;
	service->timer.expire = on_due;
	service->back.run = on_back;
	if (!beats_make(service)) {
		abort();
	}
	core_on_change(core, on_change, service);
	round_begin(service);
	return service;
}

struct service *service_close(struct service *service)
{
	if (service != NULL) {
		core_on_change(service->core, NULL, NULL);
		loop_timer_stop(&service->later);
		loop_timer_stop(&service->timer);
		notify_close(&service->notify);
		free(service->beats);
		free(service);
	}
	return NULL;
}

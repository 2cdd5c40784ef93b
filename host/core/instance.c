/* SPDX-License-Identifier: MIT */
/* An instance on its loop: the frame around every callback, and the steps of its life. */
#include "host/core/instance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/call.h"
#include "host/core/core.h"
#include "host/core/job.h"
#include "host/core/life.h"
#include "host/core/table.h"
#include "host/core/timer.h"
#include "host/core/watch.h"
#include "host/obs/log.h"

static _Thread_local struct core_context context_now;

const struct core_context *core_context_now(void)
{
	return &context_now;
}

void instance_enter(struct instance *instance, const struct core_context *context)
{
	if (context != NULL) {
		context_now = *context;
	}
	loop_enter(instance->loop, instance->host.name);
}

void instance_leave(struct instance *instance)
{
	loop_leave(instance->loop);
	context_now = (struct core_context){ .account = 0 };
}

void instance_debug(const struct instance *instance, const char *format, ...)
{
	char text[256];
	struct troupe_log line = { .size = sizeof(line), .level = TROUPE_LOG_DEBUG, .text = text };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	instance->host.log(&instance->host, &line);
}

void instance_hook_add(struct instance *instance, struct instance_hook *hook)
{
	hook->next = instance->hooks;
	instance->hooks = hook;
}

void instance_hook_remove(struct instance *instance, struct instance_hook *hook)
{
	for (struct instance_hook **link = &instance->hooks; *link != NULL; link = &(*link)->next) {
		if (*link == hook) {
			*link = hook->next;
			return;
		}
	}
}

/* --- steps ---------------------------------------------------------------------------------------- */

static void error_init(struct troupe_error *error)
{
	memset(error, 0, sizeof(*error));
	error->size = sizeof(*error);
}

static void state_set(struct instance *instance, int state)
{
	atomic_store_explicit(&instance->state, state, memory_order_release);
}

/* Back to the main loop with the outcome. */
static void order_done(struct life_order *order);

static void refuse(struct life_order *order, int32_t status, const char *what)
{
	struct troupe_error *error = &order->error;

	error->status = status;
	if (error->text[0] == '\0') {
		snprintf(error->text, sizeof(error->text), "%s refused with status %d and no reason", what, status);
	}
}

/* Everything under way has ended: the role's memory goes. */
static void instance_destroy(struct instance *instance)
{
	struct life_order *order = instance->stopping;

	instance->destroying = true;
	instance_enter(instance, NULL);
	instance->role->destroy(instance->self);
	instance_leave(instance);
	free(instance->self);
	instance->self = NULL;
	instance->stopping = NULL;
	state_set(instance, instance->end_state);
	if (order != NULL) {
		order_done(order);
	}
	core_changed(instance->core);
}

static void on_destroy_task(struct loop_task *task)
{
	struct instance *instance = (struct instance *)(void *)((char *)task - offsetof(struct instance, destroy_task));

	instance->destroy_posted = false;
	if (instance->self != NULL && instance->holds == 0) {
		instance_destroy(instance);
	}
}

void instance_hold(struct instance *instance)
{
	instance->holds++;
}

void instance_release(struct instance *instance)
{
	instance->holds--;
	if (instance->holds == 0 && !instance->destroy_posted &&
	    atomic_load_explicit(&instance->state, memory_order_relaxed) == INSTANCE_STOPPING) {
		instance->destroy_posted = true;
		/* not from inside the callback that releases */
		loop_post(instance->loop, &instance->destroy_task);
	}
}

/* Ends all that the role has under way; destroy follows when nothing holds it any more. */
static void instance_end(struct instance *instance, int end_state)
{
	instance->end_state = end_state;
	state_set(instance, INSTANCE_STOPPING);
	instance_hold(instance);
	timer_stop_all(instance);
	watch_stop_all(instance);
	job_cancel_all(core_jobs(instance->core), instance);
	while (instance->hooks != NULL) {
		struct instance_hook *hook = instance->hooks;
		instance->hooks = hook->next;
		hook->stop(hook);
	}
	call_end_all(instance);
	instance->destroy_task.run = on_destroy_task;
	instance_release(instance);
}

static void step_create(struct life_order *order)
{
	struct instance *instance = order->instance;
	int32_t status;

	instance->self = calloc(1, instance->role->instance_size > 0 ? instance->role->instance_size : 1);
	if (instance->self == NULL) {
		refuse(order, TROUPE_RESOURCE_EXHAUSTED, "memory");
		state_set(instance, INSTANCE_FAILED);
		return;
	}
	instance_enter(instance, NULL);
	status = instance->role->create(instance->self, &instance->host, instance->config->options, &order->error);
	instance_leave(instance);
	if (status == TROUPE_OK) {
		state_set(instance, INSTANCE_CREATED);
		return;
	}
	refuse(order, status, "create");
	core_why(instance, order->error.text);
	instance_end(instance, INSTANCE_FAILED);
}

static void step_start(struct life_order *order)
{
	struct instance *instance = order->instance;
	int32_t status = TROUPE_OK;

	if (atomic_load_explicit(&instance->state, memory_order_relaxed) != INSTANCE_CREATED) {
		return;
	}
	instance->state_told = false;
	if (instance->role->start != NULL) {
		instance_enter(instance, NULL);
		status = instance->role->start(instance->self, &order->error);
		instance_leave(instance);
	}
	if (status != TROUPE_OK) {
		refuse(order, status, "start");
		core_why(instance, order->error.text);
		if (instance->role->stop != NULL) {
			instance_enter(instance, NULL);
			instance->role->stop(instance->self);
			instance_leave(instance);
		}
		instance_end(instance, INSTANCE_FAILED);
		return;
	}
	if (!instance->state_told) {
		core_why(instance, "");
		atomic_store_explicit(&instance->ready, true, memory_order_relaxed);
	}
	state_set(instance, INSTANCE_RUNNING);
}

static void step_drain(struct life_order *order)
{
	struct instance *instance = order->instance;

	if (atomic_load_explicit(&instance->state, memory_order_relaxed) != INSTANCE_RUNNING) {
		return;
	}
	state_set(instance, INSTANCE_DRAINING);
	table_net_drain(instance);
	if (instance->role->drain == NULL) {
		state_set(instance, INSTANCE_DRAINED);
		return;
	}
	instance_enter(instance, NULL);
	instance->role->drain(instance->self);
	instance_leave(instance);
}

/* Returns false if the order is answered later, when the instance is destroyed. */
static bool step_stop(struct life_order *order)
{
	struct instance *instance = order->instance;
	int state = atomic_load_explicit(&instance->state, memory_order_relaxed);

	if (state == INSTANCE_STOPPING || life_ended(state)) {
		return true;
	}
	if (instance->self == NULL) {
		state_set(instance, order->end_state);
		return true;
	}
	if (state != INSTANCE_CREATED && instance->role->stop != NULL) {
		instance_enter(instance, NULL);
		instance->role->stop(instance->self);
		instance_leave(instance);
	}
	instance->stopping = order;
	instance_end(instance, order->end_state);
	return false;
}

static void step_reload(struct life_order *order)
{
	struct instance *instance = order->instance;
	int32_t status = TROUPE_OK;

	if (atomic_load_explicit(&instance->state, memory_order_relaxed) != INSTANCE_RUNNING) {
		snprintf(order->error.text, sizeof(order->error.text), "it is not running");
		order->error.status = TROUPE_FAILED_PRECONDITION;
		return;
	}
	instance_enter(instance, NULL);
	if (order->step == LIFE_RELOAD && instance->role->reload != NULL) {
		status = instance->role->reload(instance->self, &order->error);
	} else if (order->step == LIFE_CONFIGURE && instance->role->configure != NULL) {
		status = instance->role->configure(instance->self, order->config->options, &order->error);
	}
	instance_leave(instance);
	if (status != TROUPE_OK) {
		refuse(order, status, order->step == LIFE_RELOAD ? "reload" : "configure");
	} else if (order->step == LIFE_CONFIGURE) {
		instance->config = order->config;
		atomic_store_explicit(&instance->log_level, order->config->log_level, memory_order_relaxed);
	}
}

static void on_order(struct loop_task *task)
{
	struct life_order *order = (struct life_order *)(void *)task;
	struct core *core = order->instance->core;

	error_init(&order->error);
	switch (order->step) {
	case LIFE_CREATE:
		step_create(order);
		break;
	case LIFE_START:
		step_start(order);
		break;
	case LIFE_DRAIN:
		step_drain(order);
		break;
	case LIFE_STOP:
		if (!step_stop(order)) {
			return;
		}
		break;
	default:
		step_reload(order);
		break;
	}
	order_done(order); /* it is the main loop's from here */
	core_changed(core);
}

static void on_order_done(struct loop_task *task)
{
	struct life_order *order = (struct life_order *)(void *)task;

	if (order->error.status != TROUPE_OK) {
		static const char *const step[] = { "", "create", "start", "drain", "stop", "reload", "configure" };
		char text[600];
		snprintf(text, sizeof(text), "%s failed: %s%s%s", step[order->step], order->error.text,
			 order->error.help[0] != '\0' ? "; " : "", order->error.help);
		log_write(&(struct log_line){ .level = TROUPE_LOG_ERROR,
					      .instance = order->instance->host.name,
					      .code = order->step == LIFE_CREATE ? "P0014" : NULL,
					      .text = text });
	}
	if (order->on_done != NULL) {
		order->on_done(order->arg, order->error.status, order->error.text);
	}
	free(order);
}

static void order_done(struct life_order *order)
{
	order->task.run = on_order_done;
	loop_post(core_main_loop(order->instance->core), &order->task);
}

void life_order(struct instance *instance, enum life_step step, int end_state, const struct config_instance *config,
		core_done_fn on_done, void *arg)
{
	struct life_order *order = calloc(1, sizeof(*order));

	if (order == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	order->task.run = on_order;
	order->instance = instance;
	order->step = step;
	order->end_state = end_state;
	order->config = config;
	order->on_done = on_done;
	order->arg = arg;
	if (step < LIFE_RELOAD) {
		instance->ordered = step;
	}
	loop_post(instance->loop, &order->task);
}

/* SPDX-License-Identifier: MIT */
/* Plugins that were built long ago still fit: nothing of the contract has moved, changed its type or its value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "troupe/driver.h"
#include "troupe/host.h"
#include "troupe/message.h"
#include "troupe/role.h"
#include "troupe/status.h"

/* A line of abi_1.h, and whether the headers of today still say so. */
struct line {
	const char *what;
	int holds;
};

#define IS(actual, ...) __builtin_types_compatible_p(__typeof__(actual), __typeof__(__VA_ARGS__))
/* A struct is at least as long as then; a member lies where it did and is what it was; so is a type; so much is a constant. */
#define SIZE(name, bytes) { "struct " #name " is shorter than " #bytes, sizeof(struct name) >= (bytes) },
#define FIELD(name, member, at, ...) \
	{ "struct " #name ", member " #member " is no longer " #__VA_ARGS__ " at " #at, \
	  offsetof(struct name, member) == (at) && IS(((struct name *)0)->member, __VA_ARGS__) },
#define TYPE(name, ...) { #name " is no longer " #__VA_ARGS__, IS(name, __VA_ARGS__) },
#define VALUE(name, value) { #name " is no longer " #value, (name) == (value) },

static const struct line lines[] = {
#include "tests/contract/abi_1.h"
};

/* What the test itself would notice. */
struct moved {
	uint32_t size;
	void (*call)(int a);
};

static void same(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (!lines[i].holds) {
			print_message("# %s\n", lines[i].what);
			wrong++;
		}
	}
	print_message("# %zu lines\n", sizeof(lines) / sizeof(*lines));
	assert_int_equal(wrong, 0);
}

static void notices(void **state)
{
	static const struct line planted[] = {
		FIELD(moved, call, 8, void (*)(int)) /* right */
		FIELD(moved, call, 4, void (*)(int))
		FIELD(moved, call, 8, void (*)(unsigned))
		FIELD(moved, size, 0, int32_t)
		SIZE(moved, 24)
		VALUE(TROUPE_OK, 1)
		TYPE(troupe_any_fn, void (*)(int))
	};

	(void)state;
	assert_true(planted[0].holds);
	for (size_t i = 1; i < sizeof(planted) / sizeof(*planted); i++) {
		print_message("# %s\n", planted[i].what);
		assert_false(planted[i].holds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same), cmocka_unit_test(notices) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

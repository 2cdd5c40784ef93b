/* SPDX-License-Identifier: MIT */
/* How a request ended: gRPC's status list, read as one of three outcomes. */
#ifndef TROUPE_STATUS_H
#define TROUPE_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Status codes, with the numbers of gRPC (github.com/grpc/grpc, doc/statuscodes.md). They travel in
 * envelopes and are returned by every host function that can fail, always as int32_t.
 */
enum troupe_status {
	TROUPE_OK = 0,			/* done */
	TROUPE_CANCELLED = 1,		/* unknown: the caller gave up */
	TROUPE_UNKNOWN = 2,		/* unknown */
	TROUPE_INVALID_ARGUMENT = 3,	/* refused: the request itself is wrong */
	TROUPE_DEADLINE_EXCEEDED = 4,	/* unknown: no answer in time */
	TROUPE_NOT_FOUND = 5,		/* refused */
	TROUPE_ALREADY_EXISTS = 6,	/* refused */
	TROUPE_PERMISSION_DENIED = 7,	/* refused: the caller may not */
	TROUPE_RESOURCE_EXHAUSTED = 8,	/* refused: a bound was reached; try later */
	TROUPE_FAILED_PRECONDITION = 9, /* refused: the state does not allow it */
	TROUPE_ABORTED = 10,		/* refused: lost a race; read again and retry */
	TROUPE_OUT_OF_RANGE = 11,	/* refused: a limit of the value was passed */
	TROUPE_UNIMPLEMENTED = 12,	/* refused: no such method */
	TROUPE_INTERNAL = 13,		/* unknown: a fault of the callee */
	TROUPE_UNAVAILABLE = 14,	/* unknown: the callee is away */
	TROUPE_DATA_LOSS = 15,		/* unknown: stored data is damaged */
	TROUPE_UNAUTHENTICATED = 16	/* refused: log in first */
};

/* What a status says about the effect of a request. */
enum troupe_outcome {
	TROUPE_DONE,	 /* it happened, once */
	TROUPE_REFUSED,	 /* it did not happen, and will not */
	TROUPE_UNDECIDED /* it may have happened: ask again with the same idempotency key */
};

/* troupe_outcome_of: the outcome that `status` stands for; a number out of the list is undecided. [any] */
static inline enum troupe_outcome troupe_outcome_of(int32_t status)
{
	switch (status) {
	case TROUPE_OK:
		return TROUPE_DONE;
	case TROUPE_INVALID_ARGUMENT:
	case TROUPE_NOT_FOUND:
	case TROUPE_ALREADY_EXISTS:
	case TROUPE_PERMISSION_DENIED:
	case TROUPE_RESOURCE_EXHAUSTED:
	case TROUPE_FAILED_PRECONDITION:
	case TROUPE_ABORTED:
	case TROUPE_OUT_OF_RANGE:
	case TROUPE_UNIMPLEMENTED:
	case TROUPE_UNAUTHENTICATED:
		return TROUPE_REFUSED;
	default:
		return TROUPE_UNDECIDED;
	}
}

/*
 * Filled by a function that fails, for a person to read. The caller owns it and sets `size` before;
 * the callee writes at most the arrays, NUL-terminated, and only when it fails.
 */
struct troupe_error {
	uint32_t size;
	int32_t status;	 /* enum troupe_status */
	char text[256];	 /* what failed, on what, why */
	char help[256];	 /* how to mend it; "" if there is nothing to say */
};

#ifdef __cplusplus
}
#endif
#endif

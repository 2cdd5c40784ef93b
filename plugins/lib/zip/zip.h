/* SPDX-License-Identifier: MIT */
/* Compression: the wrapper of zstd (RFC 8878). Frames carry their size and a checksum. [any] */
#ifndef ZIP_ZIP_H
#define ZIP_ZIP_H

#include <stddef.h>
#include <stdint.h>

enum {
	ZIP_NO_MEMORY = -1,
	ZIP_DAMAGED = -2, /* no frame, a cut or changed one, one of several, or one that does not tell its size */
	ZIP_TOO_LARGE = -3, /* it would unpack to more than was allowed */
};

/* zip_pack: one frame with the bytes, in memory that the caller frees. 0 or ZIP_NO_MEMORY. */
int zip_pack(const void *bytes, size_t len, uint8_t **ret_bytes, size_t *ret_len);

/* zip_unpack: what a frame holds, at most `max` bytes, in memory that the caller frees. No more memory is taken than the
 * frame says, and never more than `max`. 0, or why not. */
int zip_unpack(const void *bytes, size_t len, size_t max, uint8_t **ret_bytes, size_t *ret_len);

#endif

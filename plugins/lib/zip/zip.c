/* SPDX-License-Identifier: MIT */
/* Compression by zstd. */
#include "zip/zip.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* What the library does by itself: higher ones gain a few percent on chunks and take many times as long. */
#define LEVEL 3

int zip_pack(const void *bytes, size_t len, uint8_t **ret_bytes, size_t *ret_len)
{
	size_t bound = ZSTD_compressBound(len), made = 0;
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	uint8_t *out = ctx != NULL ? malloc(bound) : NULL, *fitting;

	if (out != NULL) {
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, LEVEL);
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
		made = ZSTD_compress2(ctx, out, bound, bytes, len);
	}
	ZSTD_freeCCtx(ctx);
	if (out == NULL || ZSTD_isError(made)) { /* of what it can report here, only memory is possible */
		free(out);
		return ZIP_NO_MEMORY;
	}
	fitting = realloc(out, made);
	*ret_bytes = fitting != NULL ? fitting : out;
	*ret_len = made;
	return 0;
}

int zip_unpack(const void *bytes, size_t len, size_t max, uint8_t **ret_bytes, size_t *ret_len)
{
	unsigned long long size = ZSTD_getFrameContentSize(bytes, len);
	size_t whole = ZSTD_findFrameCompressedSize(bytes, len), made;
	uint8_t *out;

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || whole != len) {
		return ZIP_DAMAGED;
	}
	if (size > max) {
		return ZIP_TOO_LARGE;
	}
	out = malloc(size > 0 ? (size_t)size : 1);
	if (out == NULL) {
		return ZIP_NO_MEMORY;
	}
	made = ZSTD_decompress(out, (size_t)size, bytes, len);
	if (ZSTD_isError(made) || made != size) {
		free(out);
		return ZSTD_getErrorCode(made) == ZSTD_error_memory_allocation ? ZIP_NO_MEMORY : ZIP_DAMAGED;
	}
	*ret_bytes = out;
	*ret_len = made;
	return 0;
}

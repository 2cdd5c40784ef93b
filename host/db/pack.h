/* SPDX-License-Identifier: MIT */
/* Requests to databases on other hosts as bytes, and their answers: the messages of database.proto. */
#ifndef HOST_DB_PACK_H
#define HOST_DB_PACK_H

#include "host/db/request.h"

/* Each returns a body with one reference; NULL: it is above TROUPE_BODY_MAX, or there is no memory. [any] */
struct troupe_buf *pack_commit(const struct db_request *request);
/* pack_get asks for the keys from `first` on, as many as fit (at least one, if there is one). */
struct troupe_buf *pack_get(const struct db_request *request, uint32_t first);
struct troupe_buf *pack_scan(const struct db_request *request);
/* pack_snapshot names one; 0 = the request to open one. */
struct troupe_buf *pack_snapshot(uint64_t snapshot);

/* Each reads an answer: 0, or -1 if it is none. unpack_page adds its values to the request's page; a get's answer may
 * not bring more than was asked for. */
int unpack_commit(const struct troupe_reply *reply, struct troupe_db_result *ret_result);
int unpack_page(const struct troupe_reply *reply, struct db_request *request, int32_t *ret_status);
int unpack_snapshot(const struct troupe_reply *reply, uint64_t *ret_snapshot, int32_t *ret_status);

#endif

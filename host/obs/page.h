/* SPDX-License-Identifier: MIT */
/* The part of the metrics page that is about links to other hosts. */
#ifndef HOST_OBS_PAGE_H
#define HOST_OBS_PAGE_H

#include "host/obs/text.h"

struct bus;

/* page_links_write appends the samples of every link; nothing if `bus` is NULL. [any] */
void page_links_write(struct text *out, struct bus *bus);
/* page_links_page appends the section of the reference page. */
void page_links_page(struct text *out);

#endif

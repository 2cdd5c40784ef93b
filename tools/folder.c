/* SPDX-License-Identifier: MIT */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (256u * 1024u)

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_lua(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".lua") == 0;
}

static const char *base(const char *path, size_t *ret_len)
{
	size_t len = strlen(path), from;

	while (len > 1 && path[len - 1] == '/') {
		len--;
	}
	for (from = len; from > 0 && path[from - 1] != '/'; from--) {
	}
	*ret_len = len - from;
	return path + from;
}

static int read_one(struct folder *folder, const char *path, const char *name)
{
	struct engine_file *file = &folder->files[folder->len];
	char at[4096], *label, *text = malloc(FILE_MAX + 1);
	size_t base_len, len;
	const char *head = base(path, &base_len);
	FILE *in;

	snprintf(at, sizeof(at), "%s/%s", path, name);
	in = fopen(at, "rb");
	label = malloc(base_len + strlen(name) + 2);
	if (in == NULL || text == NULL || label == NULL) {
		fprintf(stderr, "%s: %s\n", at, strerror(errno));
		if (in != NULL) {
			fclose(in);
		}
		free(text);
		free(label);
		return -1;
	}
	len = fread(text, 1, FILE_MAX + 1, in);
	fclose(in);
	sprintf(label, "%.*s/%s", (int)base_len, head, name);
	*file = (struct engine_file){ .name = label, .text = text, .len = len };
	folder->len++;
	if (len > FILE_MAX) {
		fprintf(stderr, "%s: a file of rules has at most %u bytes\n", at, FILE_MAX);
		return -1;
	}
	return 0;
}

int folder_read(struct folder *folder, const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, is_lua, by_name), result = 0;

	folder->len = 0;
	if (n < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < n; i++) {
		if (result == 0 && folder->len == FOLDER_FILES_MAX) {
			fprintf(stderr, "%s: more than %u files of rules\n", path, FOLDER_FILES_MAX);
			result = -1;
		}
		result = result == 0 ? read_one(folder, path, names[i]->d_name) : result;
		free(names[i]);
	}
	free(names);
	return result;
}

void folder_free(struct folder *folder)
{
	for (uint32_t i = 0; i < folder->len; i++) {
		free((char *)folder->files[i].name);
		free((char *)folder->files[i].text);
	}
	folder->len = 0;
}

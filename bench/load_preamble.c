/* SPDX-License-Identifier: MIT */
/* Reading the scripts that connections play before they are measured, such as logging in. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static void u32_write(uint8_t *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++) {
		bytes[i] = (uint8_t)(value >> (8 * i));
	}
}

uint8_t *load_frame_make(uint32_t event, const uint8_t *body, uint32_t body_len)
{
	uint8_t *frame = malloc(FRAME_HEAD + (size_t)body_len);

	if (frame == NULL) {
		return NULL;
	}
	u32_write(frame, event);
	u32_write(frame + 4, body_len);
	if (body_len > 0) {
		memcpy(frame + FRAME_HEAD, body, body_len);
	}
	return frame;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* Decodes in place: the bytes are shorter than their text. */
static int hex_decode(char *text, uint32_t *ret_len)
{
	uint8_t *bytes = (uint8_t *)text;
	size_t len = strlen(text);

	if (len % 2 != 0 || len / 2 > FRAME_BODY_MAX) {
		return -EINVAL;
	}
	for (size_t i = 0; i < len / 2; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0) {
			return -EINVAL;
		}
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret_len = (uint32_t)(len / 2);
	return 0;
}

static int step_read(char *word, struct load_step *step)
{
	char *hex = strchr(word, ':');
	uint32_t body_len = 0;
	long event;

	if ((word[0] == '>') != (hex != NULL) || (word[0] != '>' && word[0] != '<')) {
		return -EINVAL;
	}
	if (hex != NULL) {
		*hex++ = '\0';
	}
	if (number_parse(word + 1, 0, UINT32_MAX, &event) < 0 || (hex != NULL && hex_decode(hex, &body_len) < 0)) {
		return -EINVAL;
	}
	step->event = (uint32_t)event;
	if (hex != NULL) {
		step->frame = load_frame_make(step->event, (uint8_t *)hex, body_len);
		step->frame_len = FRAME_HEAD + body_len;
		return step->frame != NULL ? 0 : -ENOMEM;
	}
	return 0;
}

static int script_read(char *line, struct load_script *script)
{
	char *save = NULL;

	for (char *word = strtok_r(line, " \t\r\n", &save); word != NULL; word = strtok_r(NULL, " \t\r\n", &save)) {
		struct load_step *steps = realloc(script->steps, (script->count + 1) * sizeof(*steps));
		if (steps == NULL) {
			return -ENOMEM;
		}
		script->steps = steps;
		steps[script->count] = (struct load_step){ 0 };
		int r = step_read(word, &steps[script->count]);
		if (r < 0) {
			return r;
		}
		script->count++;
	}
	return 0;
}

static int scripts_read(FILE *file, struct load_preamble *preamble, unsigned *ret_line)
{
	char *line = NULL;
	size_t size = 0;
	unsigned number = 0;
	int r = 0;

	while (r == 0 && getline(&line, &size, file) >= 0) {
		number++;
		if (line[0] == '#' || line[strspn(line, " \t\r\n")] == '\0') {
			continue;
		}
		struct load_script *scripts = realloc(preamble->scripts, (preamble->count + 1) * sizeof(*scripts));
		if (scripts == NULL) {
			r = -ENOMEM;
			break;
		}
		preamble->scripts = scripts;
		scripts[preamble->count] = (struct load_script){ 0 };
		r = script_read(line, &scripts[preamble->count++]);
	}
	free(line);
	if (r < 0) {
		*ret_line = number;
	} else if (preamble->count == 0) {
		*ret_line = number + 1;
		r = -EINVAL;
	}
	return r;
}

int load_preamble_read(const char *path, struct load_preamble *ret_preamble, unsigned *ret_line)
{
	struct load_preamble preamble = { 0 };
	FILE *file = fopen(path, "re");

	*ret_line = 0;
	if (file == NULL) {
		return -errno;
	}
	int r = scripts_read(file, &preamble, ret_line);
	fclose(file);
	if (r < 0) {
		load_preamble_free(&preamble);
		return r;
	}
	*ret_preamble = preamble;
	return 0;
}

void load_preamble_free(struct load_preamble *preamble)
{
	for (uint32_t i = 0; i < preamble->count; i++) {
		for (uint32_t j = 0; j < preamble->scripts[i].count; j++) {
			free(preamble->scripts[i].steps[j].frame);
		}
		free(preamble->scripts[i].steps);
	}
	free(preamble->scripts);
	*preamble = (struct load_preamble){ 0 };
}

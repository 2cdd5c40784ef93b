/* SPDX-License-Identifier: MIT */
/* Times as people write them. */
#include "date.h"

#include <ctype.h>
#include <string.h>

#define DAY_MS (24u * 3600u * 1000u)

/* Days since 1970-01-01 of a date of the Gregorian calendar: H. Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", days_from_civil. */
static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = year / 400;
	unsigned year_of_era = (unsigned)(year - era * 400);
	unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Exactly `len` digits; 0, or -1. */
static int digits(const char **at, unsigned len, unsigned *ret_number)
{
	*ret_number = 0;
	for (unsigned i = 0; i < len; i++, (*at)++) {
		if (!isdigit((unsigned char)**at)) {
			return -1;
		}
		*ret_number = *ret_number * 10 + (unsigned)(**at - '0');
	}
	return 0;
}

static int day(const char **at, struct date *date)
{
	unsigned year, month, day_of_month;

	if (digits(at, 4, &year) != 0 || *(*at)++ != '-' || digits(at, 2, &month) != 0 || *(*at)++ != '-' ||
	    digits(at, 2, &day_of_month) != 0 || year < 1970 || month < 1 || month > 12 || day_of_month < 1 ||
	    day_of_month > month_days(year, month)) {
		return -1;
	}
	date->from_ms = (uint64_t)days_from_civil(year, month, day_of_month) * DAY_MS;
	date->to_ms = date->from_ms + DAY_MS;
	return 0;
}

static void narrow(struct date *date, uint64_t ms, uint64_t len_ms)
{
	date->from_ms += ms;
	date->to_ms = date->from_ms + len_ms;
}

/* ".123", of any length. */
static void fraction(const char **at, struct date *date)
{
	unsigned ms = 0, weight = 100;

	for ((*at)++; isdigit((unsigned char)**at); (*at)++, weight /= 10) {
		ms += weight * (unsigned)(**at - '0');
	}
	narrow(date, ms, 1);
}

/* "07:26", ":30", ".123" */
static int clock_time(const char **at, struct date *date)
{
	unsigned hour, minute, second;

	if (digits(at, 2, &hour) != 0 || *(*at)++ != ':' || digits(at, 2, &minute) != 0 || hour > 23 || minute > 59) {
		return -1;
	}
	narrow(date, (hour * 60ull + minute) * 60000, 60000);
	if (**at != ':') {
		return 0;
	}
	(*at)++;
	if (digits(at, 2, &second) != 0 || second > 60) {
		return -1;
	}
	narrow(date, second * 1000ull, 1000);
	if (**at == '.' && isdigit((unsigned char)(*at)[1])) {
		fraction(at, date);
	}
	return 0;
}

static int starts(const char **at, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(*at, name, len) != 0 || isalnum((unsigned char)(*at)[len])) {
		return 0;
	}
	*at += len;
	return 1;
}

static int age(const char **at, uint64_t now_ms, struct date *date)
{
	static const struct {
		const char *names[6];
		uint64_t ms;
	} units[] = { { { "ms", NULL }, 1 },
		      { { "seconds", "second", "sec", "s", NULL }, 1000 },
		      { { "minutes", "minute", "min", "m", NULL }, 60000 },
		      { { "hours", "hour", "h", NULL }, 3600000 },
		      { { "days", "day", "d", NULL }, DAY_MS },
		      { { "weeks", "week", "w", NULL }, 7ull * DAY_MS } };
	uint64_t number = 0;

	for (; isdigit((unsigned char)**at); (*at)++) {
		number = number * 10 + (uint64_t)(**at - '0');
		if (number > 1000000000) {
			return -1;
		}
	}
	while (isspace((unsigned char)**at)) {
		(*at)++;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		for (int k = 0; units[i].names[k] != NULL; k++) {
			if (starts(at, units[i].names[k])) {
				uint64_t ms = number * units[i].ms;

				date->from_ms = date->to_ms = ms < now_ms ? now_ms - ms : 0;
				date->relative = 1;
				return 0;
			}
		}
	}
	return -1;
}

int date_parse(const char **text, uint64_t now_ms, struct date *ret_date, const char **ret_why, const char **ret_help)
{
	uint64_t today_ms = now_ms - now_ms % DAY_MS;
	const char *at = *text;

	*ret_date = (struct date){ 0 };
	*ret_help = "for example: 2026-11-21, 2026-11-21T07:26, yesterday, 2 days";
	if (starts(text, "now")) {
		*ret_date = (struct date){ .from_ms = now_ms, .to_ms = now_ms };
	} else if (starts(text, "today")) {
		*ret_date = (struct date){ .from_ms = today_ms, .to_ms = today_ms + DAY_MS };
	} else if (starts(text, "yesterday")) {
		uint64_t from_ms = today_ms >= DAY_MS ? today_ms - DAY_MS : 0;

		*ret_date = (struct date){ .from_ms = from_ms, .to_ms = today_ms };
	} else if (strspn(at, "0123456789") == 4 && at[4] == '-') {
		*ret_why = "there is no such date or time";
		if (day(text, ret_date) != 0) {
			return -1;
		}
		if (**text == 'T' || **text == 't' || (**text == ' ' && isdigit((unsigned char)(*text)[1]))) {
			(*text)++;
			if (clock_time(text, ret_date) != 0) {
				return -1;
			}
			*text += **text == 'Z' || **text == 'z';
		}
		if (**text == '+' || (**text == '-' && isdigit((unsigned char)(*text)[1]))) {
			*ret_why = "times are in UTC, without an offset";
			return -1;
		}
	} else if (isdigit((unsigned char)*at)) {
		*ret_why = "this is no age and no date";
		*ret_help = "for example: 90 seconds, 30 minutes, 12 hours, 2 days, 1 week";
		return age(text, now_ms, ret_date);
	} else {
		*ret_why = *at == '\0' ? "a time is missing at the end" : "this is no time";
		return -1;
	}
	return 0;
}

int64_t date_rfc3339(const char *text)
{
	struct date date;
	unsigned hour, minute;
	int64_t offset_ms;

	if (strspn(text, "0123456789") != 4 || day(&text, &date) != 0 || (*text != 'T' && *text != 't')) {
		return -1;
	}
	text++;
	if (clock_time(&text, &date) != 0) {
		return -1;
	}
	if ((*text == 'Z' || *text == 'z') && text[1] == '\0') {
		return (int64_t)date.from_ms;
	}
	int ahead = *text == '+';
	if (*text != '+' && *text != '-') {
		return -1;
	}
	text++;
	if (digits(&text, 2, &hour) != 0 || *text++ != ':' || digits(&text, 2, &minute) != 0 || *text != '\0') {
		return -1;
	}
	offset_ms = (hour * 60ll + minute) * 60000;
	int64_t ms = (int64_t)date.from_ms + (ahead ? -offset_ms : offset_ms);
	return ms < 0 ? -1 : ms;
}

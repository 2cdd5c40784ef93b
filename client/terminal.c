/* SPDX-License-Identifier: MIT */
/* The terminal as a screen. */
#include "terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The page of its own, the cursor hidden; and back (xterm's private modes 1049 and 25). */
static const char page_on[] = "\033[?1049h\033[?25l", page_off[] = "\033[0m\033[?25h\033[?1049l";

static struct termios terminal_before; /* what is given back; one terminal a process */
static volatile sig_atomic_t terminal_opened;

void terminal_close(void)
{
	if (terminal_opened) {
		terminal_opened = 0;
		if (write(STDOUT_FILENO, page_off, sizeof(page_off) - 1) < 0) {
			/* it is gone: nothing to give back */
		}
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
	}
}

/* Whatever ends the program from outside finds the terminal as it was. */
static void on_signal(int number)
{
	terminal_close();
	signal(number, SIG_DFL);
	raise(number);
}

int terminal_open(void)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGINT, SIGABRT, SIGSEGV };
	struct termios raw;

	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &terminal_before) != 0) {
		return -1;
	}
	raw = terminal_before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL | BRKINT | INPCK | ISTRIP);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) {
		return -1;
	}
	terminal_opened = 1;
	atexit(terminal_close);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		signal(signals[i], on_signal);
	}
	fflush(stdout);
	if (write(STDOUT_FILENO, page_on, sizeof(page_on) - 1) < 0) {
		terminal_close();
		return -1;
	}
	return 0;
}

int terminal_is_open(void)
{
	return terminal_opened;
}

void terminal_size(unsigned *ret_columns, unsigned *ret_rows)
{
	struct winsize size = { 0 };
	int known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;

	*ret_columns = known ? size.ws_col : 80;
	*ret_rows = known ? size.ws_row : 24;
}

int terminal_secret(const char *question, char *ret_line, size_t size)
{
	struct termios before, quiet;
	int tty = tcgetattr(STDIN_FILENO, &before) == 0;
	size_t len = 0;
	char byte = 0;

	if (tty) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		fputs(question, stdout);
		fflush(stdout);
	}
	while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n') { /* no buffer: what follows is for others */
		if (len < size) {
			ret_line[len++] = byte;
		}
	}
	if (tty) {
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
		fputc('\n', stdout);
	}
	if (byte != '\n' || len >= size) {
		return -1;
	}
	ret_line[len] = '\0';
	return 0;
}

-- SPDX-License-Identifier: MIT
-- Play traffic while logins keep the password hashing saturated. The comparison is with the same traffic before.

return {
	name = "login-flood",
	title = "p99 of play traffic under a login flood, times the p99 without it",
	figures = { { key = "p99_flood_over_quiet", unit = "times", target = "<= 1.5" } },
}

-- SPDX-License-Identifier: MIT
-- Lesson 3: a file that only holds data. Others get what it returns with require "jokes".

return {
	"What do you call a rabbit with fleas? Bugs.",
	"Why did the scarecrow win a prize? He was outstanding in his field.",
	"How do you catch a unique rabbit? Unique up on it.",
	"What did the grass say to the rain? You mist a spot.",
}

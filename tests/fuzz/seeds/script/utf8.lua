for p, c in utf8.codes("h\u{e9}llo") do print(p, utf8.char(c)) end
return utf8.len("\xff"), utf8.offset("abc", -1), utf8.codepoint("abc", 1, -1)

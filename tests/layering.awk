# SPDX-License-Identifier: MIT
# Reads "file:line:#include ..." and prints the includes that break the tree's layering.
# Wanted: check=arrows or check=libraries; allow=the file that lists exceptions; build=the folder of
# the build, where generated files are.

BEGIN {
	while ((getline line <allow) > 0) {
		n = split(line, word, " ")
		if (n >= 3 && line !~ /^#/) {
			allowed[word[1] " " word[2]] = 1
		}
	}
	library["ev.h"] = "libev"
	library["ltdl.h"] = "libltdl"
	library["dlfcn.h"] = "libltdl"
	library["lua.h"] = library["lauxlib.h"] = library["lualib.h"] = "lua"
	library["sodium.h"] = "libsodium"
	library["jansson.h"] = "jansson"
	library["leveldb/c.h"] = "leveldb"
	library["protobuf-c/protobuf-c.h"] = "protobuf-c"
	library["nanomsg/nn.h"] = "nanomsg"
	library["zstd.h"] = library["zstd_errors.h"] = "zstd"
	library["libwebsockets.h"] = "libwebsockets"
}

# part_of names the part of the program a file belongs to.
function part_of(file,   dir) {
	if (match(file, /^plugins\/[^\/]+/)) {
		return substr(file, 1, RLENGTH)
	}
	dir = file
	sub(/\/.*/, "", dir)
	return dir
}

function exists(file,   line, found) {
	found = (getline line <file) >= 0
	close(file)
	return found
}

# resolve finds the file a quoted include means, as the compiler does with the tree's -I options.
function resolve(file, header,   dir, path) {
	dir = file
	sub(/[^\/]*$/, "", dir)
	path = dir header
	while (sub(/[^\/]+\/\.\.\//, "", path)) {
	}
	if (exists(path)) {
		return path
	}
	if (exists("abi/" header)) {
		return "abi/" header
	}
	if (exists("plugins/lib/" header)) {
		return "plugins/lib/" header
	}
	if (exists("host/" header)) {
		return "host/" header
	}
	if (file ~ /^(plugins\/mechanics|tools)\// && exists("plugins/mechanics/" header)) {
		return "plugins/mechanics/" header
	}
	return exists(header) || exists(build "/" header) ? header : ""
}

function may_see(part, target) {
	if (target == part || target == "abi") {
		return 1
	}
	if (part == "tools") {
		return target ~ /^plugins\/(lib|mechanics)$/ || target == "host"
	}
	return part ~ /^plugins\// && target == "plugins/lib"
}

# may_use says whether the list of exceptions names the file or a folder above it.
function may_use(file, what) {
	while (file != "") {
		if ((file " " what) in allowed) {
			return 1
		}
		sub(/[^\/]*\/?$/, "", file)
	}
	return 0
}

function report(why) {
	print "# " where ": " why
	broken++
}

{
	split($0, field, ":")
	file = field[1]
	where = file ":" field[2]
	system_header = match($0, /<[^>]+>/) > 0
	if (!system_header && !match($0, /"[^"]+"/)) {
		next
	}
	header = substr($0, RSTART + 1, RLENGTH - 2)
	part = part_of(file)
}

check == "arrows" && part == "abi" && system_header && header !~ /^std(def|int)\.h$/ {
	report("a contract header includes <" header ">; only <stddef.h> and <stdint.h> may cross")
}

check == "arrows" && !system_header {
	if (header ~ /(\.pb-c|\.stub)\.h$/) {
		if (part == "abi") {
			report("a contract header includes generated \"" header "\"")
		}
		next
	}
	target = resolve(file, header)
	if (target == "") {
		report("\"" header "\" is in none of the folders this part may see")
	} else if (!may_see(part, part_of(target)) && !may_use(file, target)) {
		report(part " must not see " target)
	}
}

check == "libraries" && system_header && (header in library) && !may_use(file, library[header]) {
	key = part " " library[header]
	if (!(key in wrapper)) {
		wrapper[key] = file
	} else if (wrapper[key] != file) {
		report(library[header] " is wrapped by " wrapper[key] "; call that, or list this file in " allow)
	}
}

END {
	exit broken > 0
}

#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the commands of README.md, docs/tutorial and docs/howto: each ```sh block under <!-- test -->, in order, against a game of its own.
# The block must end well, and each line of the ```text block under <!-- expect --> must stand in what it printed.
#
# Stand-ins keep the test in its folder: ./troupe finds the game on its free ports, `make install` and pkg-config use a root
# below it, sudo runs as who runs the test. All else is as typed. Blocks of README.md under <!-- ci --> are run by .ci/run.

: "${top_srcdir:=.}" "${top_builddir:=.}" "${TROUPE:=./troupe}"
source=$(cd "$top_srcdir" && pwd)
build=$(cd "$top_builddir" && pwd)
program=$(cd "$(dirname "$TROUPE")" && pwd)/$(basename "$TROUPE")
real_make=$(command -v make)
real_pkg_config=$(command -v pkg-config)
number=0
failed=0
host=
work=
# The build's own make must not hand its flags and job server down.
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES DESTDIR

cleanup()
{
	[ -z "$host" ] || kill -9 "$host" 2>/dev/null
	[ -z "$work" ] || pkill -9 -f "$program run .*$work\|$program run conf/four.lua" 2>/dev/null
	[ -z "$work" ] || rm -rf "$work"
	host=
	work=
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# stand_in NAME: a command of that name in front of the real one; its text comes on standard input.
stand_in()
{
	{ echo '#!/bin/sh' && cat; } >"$1"
	chmod +x "$1"
}

stand_ins()
{
	mkdir "$work/bin"
	stand_in "$work/troupe" <<END
export TROUPE_STATE="$work/data"
verb=\$1
case \$verb in
run) shift && exec "$program" run "\$@" --set base/account.listen=tcp://127.0.0.1:$port ;;
client | bots) shift && exec "$program" \$verb --connect "127.0.0.1:$port" "\$@" ;;
*) exec "$program" "\$@" ;;
esac
END
	stand_in "$work/bin/make" <<END
case "\$*" in
install | "-s install") exec "$real_make" -s -C "$build" install DESTDIR="$work/root" ;;
*) exec "$real_make" "\$@" ;;
esac
END
	stand_in "$work/bin/pkg-config" <<END
PKG_CONFIG_PATH=\$(dirname "\$(find "$work/root" -name troupe.pc)")
export PKG_CONFIG_PATH
exec "$real_pkg_config" --define-prefix "\$@"
END
	echo 'exec "$@"' | stand_in "$work/bin/sudo"
}

# begin: a game on free ports in a folder that looks like the tree.
begin()
{
	cleanup
	work=$(mktemp -d) || exit 99
	mkdir "$work/conf" "$work/blocks"
	cp -R "$source/scripts" "$source/plugins" "$work"
	chmod -R u+w "$work/scripts"
	sed -e 's/"tcp:[^"]*"/"tcp:\/\/127.0.0.1:0"/' -e 's/metrics = [0-9]*/metrics = 0/' \
		"$source/conf/standalone.lua" >"$work/conf/standalone.lua"
	sed -e 's/"tcp:[^"]*"/"tcp:\/\/127.0.0.1:0"/' -e "s/bus = 95/bus = $((100 + $$ % 200))/" \
		"$source/conf/production.lua" >"$work/conf/production.lua"
	"$program" run "$work/conf/standalone.lua" --state "$work/data" >"$work/log" 2>&1 &
	host=$!
	i=0
	port=
	while [ $i -lt 100 ] && { [ -z "$port" ] ||
		! "$program" status --state "$work/data" 2>/dev/null | grep -q '^ready: yes'; }; do
		i=$((i + 1))
		sleep 0.1
		port=$(sed -n 's/.*players log in.*(port \([0-9]*\)).*/\1/p' "$work/log")
	done
	stand_ins
}

# split PAGE: writes blocks/N.sh and blocks/N.text
split()
{
	awk -v to="$work/blocks" '
		/^<!-- test -->/ { kind = "sh"; n++; next }
		/^<!-- expect -->/ { kind = "text"; next }
		/^```/ { if (on) { on = 0; kind = "" } else if (kind != "") { on = 1 } next }
		on { print > (to "/" n "." kind) }
		END { print n + 0 }' "$1"
}

# verdict STATUS NAME: one TAP line.
verdict()
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		failed=1
		echo "not ok $number - $2"
	fi
}

# block PAGE N: runs one block and compares.
block()
{
	missing=
	(cd "$work" && PATH=$work/bin:$PATH && timeout 60 sh -e "blocks/$2.sh") >"$work/out" 2>&1
	status=$?
	[ -f "$work/blocks/$2.text" ] || echo >"$work/blocks/$2.text"
	while read -r line; do
		grep -qF -- "$line" "$work/out" || missing="$missing '$line'"
	done <"$work/blocks/$2.text"
	[ $status -eq 0 ] && [ -z "$missing" ]
	verdict $? "$1, block $2"
	if [ $status -ne 0 ] || [ -n "$missing" ]; then
		echo "# exit code $status; not printed:$missing"
		sed 's/^/# /' "$work/out"
		tail -n 20 "$work/log" | sed 's/^/# log: /'
	fi
}

for page in README.md docs/tutorial/play.md docs/tutorial/change-a-rule.md docs/tutorial/first-monster.md docs/tutorial/hosts.md \
	docs/howto/keys.md docs/howto/logs.md docs/howto/machines.md docs/howto/replay.md docs/howto/systemd.md; do
	begin
	blocks=$(split "$source/$page")
	[ "$blocks" -gt 0 ]
	verdict $? "$page has commands"
	n=0
	while [ $n -lt "$blocks" ]; do
		n=$((n + 1))
		block "$page" $n
	done
done

# In README.md nothing is left untried: each block of commands says who runs it, and .ci/run knows its own.
awk '/^```sh/ && last !~ /^<!-- (test|ci) -->/ { print "# README.md:" NR ": nobody runs this block"; bad = 1 }
	{ last = $0 } END { exit bad }' "$source/README.md"
verdict $? "each block of README.md is run by somebody"
missing=$(awk '/^```/ { on = last ~ /^<!-- ci -->/; last = ""; next } on { print } { last = $0 }' "$source/README.md" |
	grep -vxE '(git clone REPOSITORY troupe && cd troupe|\./bootstrap (run|check)|bash \.ci/run)')
[ -z "$missing" ] || echo "# .ci/run does not run: $missing"
[ -z "$missing" ]
verdict $? "what README.md leaves to .ci/run is run there"

# Links between pages lead somewhere.
for page in README.md HACKING.md docs/README.md docs/explain/*.md docs/howto/*.md docs/tutorial/*.md; do
	for page in "$source"/$page; do
		grep -oE '\]\([^)#:]+' "$page" | cut -c3- | while read -r link; do
			[ -e "$(dirname "$page")/$link" ] || echo "# ${page#"$source/"}: no such file: $link"
		done
	done
done >"$work/links"
cat "$work/links"
[ ! -s "$work/links" ]
verdict $? "links between pages"
missing=$(cd "$source/docs" && ls */*.md | while read -r page; do grep -qF "($page)" README.md || echo "$page"; done)
[ -z "$missing" ] || echo "# docs/README.md does not name: $missing"
[ -z "$missing" ]
verdict $? "docs/README.md names every page"
echo "1..$number"
exit $failed

#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the commands of README.md and docs/tutorial: each ```sh block under <!-- test -->, in order, against a game of its own. Each line of
# the ```text block under <!-- expect --> must stand in what the block before it printed.

: "${top_srcdir:=.}" "${TROUPE:=./troupe}"
source=$(cd "$top_srcdir" && pwd)
program=$(cd "$(dirname "$TROUPE")" && pwd)/$(basename "$TROUPE")
number=0
failed=0
host=
work=

cleanup()
{
	[ -z "$host" ] || kill -9 "$host" 2>/dev/null
	[ -z "$work" ] || rm -rf "$work"
	host=
	work=
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# begin: a game on free ports, and a ./troupe that finds it.
begin()
{
	cleanup
	work=$(mktemp -d) || exit 99
	mkdir "$work/conf" "$work/blocks"
	cp -R "$source/scripts" "$work/scripts"
	chmod -R u+w "$work/scripts"
	sed -e 's/"tcp:[^"]*"/"tcp:\/\/127.0.0.1:0"/' -e 's/metrics = [0-9]*/metrics = 0/' \
		"$source/conf/standalone.lua" >"$work/conf/standalone.lua"
	"$program" run "$work/conf/standalone.lua" --state "$work/data" >"$work/log" 2>&1 &
	host=$!
	i=0
	port=
	while [ $i -lt 100 ] && { [ -z "$port" ] ||
		! "$program" master shards --state "$work/data" 2>/dev/null | grep -qw yes; }; do
		i=$((i + 1))
		sleep 0.1
		port=$(sed -n 's/.*players log in.*(port \([0-9]*\)).*/\1/p' "$work/log")
	done
	cat >"$work/troupe" <<END
#!/bin/sh
verb=\$1
shift
case \$verb in
client | bots) exec "$program" \$verb --connect "127.0.0.1:$port" "\$@" ;;
*) exec "$program" \$verb "\$@" --state "$work/data" ;;
esac
END
	chmod +x "$work/troupe"
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

for page in README docs/tutorial/play docs/tutorial/change-a-rule; do
	begin
	blocks=$(split "$source/$page.md")
	[ "$blocks" -gt 0 ] || failed=1
	n=0
	while [ $n -lt "$blocks" ]; do
		n=$((n + 1))
		number=$((number + 1))
		missing=
		(cd "$work" && timeout 60 sh "blocks/$n.sh") >"$work/out" 2>&1
		while read -r line; do
			grep -qF -- "$line" "$work/out" || missing="$missing '$line'"
		done <"$work/blocks/$n.text"
		if [ -z "$missing" ]; then
			echo "ok $number - $page.md, block $n"
		else
			failed=1
			echo "not ok $number - $page.md, block $n"
			echo "# not printed:$missing"
			sed 's/^/# /' "$work/out"
			tail -n 20 "$work/log" | sed 's/^/# log: /'
		fi
	done
done
echo "1..$number"
exit $failed

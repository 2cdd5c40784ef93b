/* SPDX-License-Identifier: MIT */
/* Every error code there is, with what it means. A code never changes its meaning. */
#include "codes.h"

#include <stddef.h>
#include <string.h>

const struct code codes[] = {
	{ "C0100", "configuration file cannot be read", "The file given on the command line is missing, is no plain "
	  "file, or may not be read. The message says which of these." },
	{ "C0101", "syntax error", "The file is not valid Lua. Often a comma, quote or brace is missing on the line "
	  "above the one shown." },
	{ "C0102", "the file stopped with an error", "Lua ran into an error, used too much memory (16 MiB) or ran too "
	  "long. What follows in the file was not read." },
	{ "C0103", "unknown option", "The plugin has no option of this name. The nearest known name is shown." },
	{ "C0104", "included file cannot be read", "A file is looked for beside the one that includes it, and is included "
	  "once." },
	{ "C0105", "environment variable is not set", "`env \"NAME\"` without a default needs the variable." },
	{ "C0106", "unknown word", "No plugin and no built-in word has this name. Check the spelling, or install the "
	  "plugin." },
	{ "C0107", "value set outside of a block", "Options stand in a block's braces. A helper variable needs `local`." },
	{ "C0108", "block is not complete", "A block is a word, a name where it needs one, and options in braces." },
	{ "C0109", "unknown part", "A part is `base`, `torrent` or `shard:NAME`." },
	{ "C0110", "option set twice", "The same option stands twice in one block; remove one." },
	{ "C0111", "too much or too deep", "Tables are nested too deep or hold too many values, or a table holds itself." },
	{ "C0112", "secrets file may be read by others", "Passwords lie in it: give it mode 0600 (chmod 600 FILE)." },
	{ "C0113", "secrets file cannot be read", "The cluster block names a secrets file that is missing or not readable." },
	{ "C0121", "list instead of options", "Options are written `name = value`." },
	{ "C0122", "required option is missing", "The option has no default, so the block must set it." },
	{ "C0123", "wrong type", "The value is not of the option's type." },
	{ "C0124", "unit is missing or unknown", "Durations and sizes are strings with a unit: \"50ms\", \"64kb\"." },
	{ "C0125", "out of range", "The value lies outside of what the option allows; the range is shown." },
	{ "C0126", "address cannot be understood", "An address to listen on is tcp://ADDRESS:PORT or tcp://:PORT." },
	{ "C0127", "address can be reached from outside without encryption", "Listeners without TLS stay on loopback. Put "
	  "a TLS front such as HAProxy before them on the same machine." },
	{ "C0128", "unknown secret", "The secrets file has no string of this name." },
	{ "C0129", "address used twice", "Two listeners of one host have the same address and port." },
	{ "C0130", "block stands twice", "A part has two instances of the same role and name. Give one another name." },
	{ "C0131", "not a role", "The word names a database driver. Name it in a database block's `driver`." },
	{ "C0132", "role may not live in this part", "The plugin says in which parts it may be." },
	{ "C0133", "name cannot be used", "Names are made of a-z, 0-9 and _, at most 64 bytes; cluster and host blocks "
	  "need one." },
	{ "C0134", "refused by the role", "The options are well-formed, but the role's own check says that they do not "
	  "make sense together." },
	{ "C0140", "too many arguments", "The command takes fewer arguments than were given." },
	{ "C0141", "--set names nothing", "Write --set part/role.name.option=value, host.option=value or "
	  "cluster.option=value." },
	{ "C0200", "which host", "The configuration has several hosts, or none of the name given. Say which one with --host." },
	{ "C0201", "runs on two hosts", "An instance is matched by the `run` lists of two hosts." },
	{ "C0202", "runs on two loops", "An instance is matched by two entries of one host's `loops`." },
	{ "C0203", "pattern matches nothing", "No instance has a name that this pattern of a `run` or `loops` list matches." },
	{ "C0204", "runs nowhere", "No host's `run` list matches this instance, so nothing runs it." },
	{ "C0205", "nothing to run", "The configuration has no instances." },
	{ "C0206", "two hosts at one bus address", "Hosts with the same `address` need different `bus` ports." },
	{ "C0207", "host cannot be reached by the others", "Hosts that share a part, and all hosts with one that runs a "
	  "`master`, talk to each other. On different machines each needs an `address` that the others can reach and a "
	  "`bus` port, or `reach` in the other's block." },
	{ "C0208", "host has no key", "Frames between hosts are sealed, and each host proves itself by its key. Only when "
	  "all hosts are on one machine and none has a key do they make keys themselves." },
	{ "C0209", "key cannot be used", "A public key is 32 bytes in base64. A host has one, or two while they are "
	  "exchanged, and no two hosts have the same." },
	{ "C0210", "needed service is missing", "A role needs a service that no role running in its part or in base "
	  "provides." },
	{ "C0211", "roles wait for each other", "Each of these instances needs another one of them to be ready first." },
	{ "C0212", "database is missing", "The option names a database that is neither in the same part nor in base." },
	{ "C0213", "nothing forwards between parts", "Calls from one part to another on other hosts go through a host "
	  "that runs a `master`." },
	{ "C0214", "bus can be reached from the internet", "The host's `address` is a public one. The bus is sealed, but "
	  "who can reach it can keep it busy: put hosts on a private network, or a firewall before the port." },
	{ "C0215", "path of a socket is too long", "The path of a local socket has at most 107 bytes (unix(7))." },
	{ "C0216", "way to another host cannot be used", "`reach` takes names of other hosts and an address tcp:// or "
	  "ipc:// for each." },
	{ "C0217", "no such isolated instance", "--isolate names an instance that has `isolate` and runs on this host. The "
	  "host itself starts such processes." },
	{ "C0301", "address cannot be bound", "Something else listens there, or the address is not this machine's." },
	{ "C0302", "state folder cannot be written", "The host keeps its data and its control socket there." },
	{ "C0304", "source cannot be read", "A script or data file or folder that an option names is missing or not "
	  "readable." },
	{ "P0001", "plugin file is missing", "There is no such file in the plugin folder ($TROUPE_PLUGINS, or the "
	  "installed one)." },
	{ "P0002", "bad plugin name", "A plugin's name is made of a-z, 0-9 and _." },
	{ "P0003", "plugin cannot be loaded", "The system's loader refused it: a library or symbol is missing, or the file "
	  "is damaged. The note is the loader's own text." },
	{ "P0004", "no descriptor", "The file exports no `troupe_entry`, so it is not a plugin of this program." },
	{ "P0005", "descriptor too short", "A struct of the plugin is shorter than the contract's version that it claims." },
	{ "P0007", "built for another host", "The contract's major version differs. Rebuild the plugin against this host's "
	  "headers." },
	{ "P0008", "needs a newer host", "The plugin was built for a later minor version of the contract." },
	{ "P0009", "callback is missing", "The plugin leaves out something that the contract demands." },
	{ "P0010", "name differs", "The plugin's own name and its file's name are not the same." },
	{ "P0011", "loaded twice", "A plugin of this name is loaded already, from another file." },
	{ "P0012", "bad table", "An option, command or method table of the plugin contradicts itself." },
	{ "P0013", "unknown kind", "The plugin is neither a role nor a driver." },
	{ "P0014", "create failed", "The plugin's own create refused. Only what needs this instance is stopped." },
	{ "P0015", "command is taken", "A command that begins with a noun is spelled like one of the program or of another "
	  "plugin." },
	{ "R0003", "rules not taken", "What is in the folder fails; the generation before stays in force, and nothing is changed." },
	{ "R0005", "world without rules", "A new world does not begin before the scripts of its folder are right; then it begins by itself." },
	{ "S0101", "rule failed", "A script stopped with an error while it ran; what that call had begun to do is not done." },
	{ "S0102", "script does not compile", "A Lua file that an option names has a syntax error, or is not a text file." },
	{ "S0104", "state outside of `state`", "Rules keep what they remember in self.state: variables and tables of a file are the same "
	  "for all entities, and would differ from owner to owner." },
	{ "S0105", "no such global", "Scripts see their own locals, the libraries, and what they `require`." },
	{ "S0106", "nothing to require", "`require` names a library of the program, or a file beside this one." },
	{ "S0107", "files require each other", "Put what both need into a third file." },
	{ "S0108", "cannot be set", "Only fields of self.state and self.target can be set." },
	{ "S0109", "entity is not to be seen", "It has left the world, or is more than 16 blocks away: ask `alive` first." },
	{ "S0110", "too early", "While the files are read nothing can be done to the world." },
	{ "S0111", "too much", "A bound of one call or of the definitions is reached; the message says which." },
	{ "S0112", "too late", "Rules are registered while the files are read." },
	{ "S0113", "no such event", "The name is almost one of the built-in events." },
	{ "S0114", "unknown key", "A definition, or a table of arguments, holds a key that means nothing there." },
	{ "S0115", "not declared in `state`", "What an entity remembers is declared in its kind's state = { name = value }." },
	{ "S0116", "no such method", "Timers name a method of the entity's kind." },
	{ "S0117", "no such field", "The thing has no field or method of this name." },
	{ "S0118", "wrong argument", "An argument, or the value of a key, is not what is wanted there." },
	{ "S0119", "out of range", "A number is out of its bounds, or a place is too far away or not in the world." },
	{ "S0120", "old world", "`w` is good for the call that it was given to." },
	{ "S0121", "unknown name", "No kind, skill, edit, quest or block has this name." },
	{ "S0122", "another's own", "State, bag, cooldowns and quests are used only in a call about that very entity: another owner "
	  "of regions may have it." },
	{ "S0123", "defined twice", "Two definitions have the same name." },
	{ "S0124", "cannot be done to this", "Players are not removed by rules; only monsters are spawned." },
	{ "S0125", "definition is not complete", "A key that the definition needs is missing." },
	{ "S0401", "regions are another's", "An owner was taken for dead, or slept: it holds nothing and asks for regions again." },
	{ "S0402", "scheduler is not heard of", "The world pauses at this owner until its scheduler, or the next one, speaks." },
	{ "S0403", "exchange cannot be sent", "What an owner has to tell another in one stage is too much: the world is restored." },
	{ "S0404", "journal cannot be written", "The database does not take a tick's inputs: the world waits until it does." },
	{ "S0405", "journal cannot be read", "An entry of the journal is damaged: restore a backup of the database." },
	{ "S0406", "regions cannot be taken up", "An owner could not load its part of the world; the line says why." },
	{ "S0407", "record of the world is damaged", "The named key cannot be read: restore a backup of the database." },
	{ "S0408", "checkpoint cannot be written", "The last one holds, and the journal grows until one is written." },
	{ "S0409", "checkpoint left out", "The one before is not written yet: the database is slow." },
	{ "S0410", "avatar is too large to be saved", "Its rules keep too much in `state`, or it carries too much." },
	{ "S0411", "rewards are not answered", "The item store does not answer: further rewards wait." },
	{ "S0412", "world edit in the wrong stage", "Blocks change only in an edit's `apply`, in stage 2: ask for it with w:ask." },
	{ "S0413", "not in this stage", "The function cannot be called now; docs/reference/lua.md says when." },
	{ "S0414", "block cannot be set", "The cell is too far from the edit's place, outside, cannot be read, or the edit writes too much." },
	{ "S0419", "avatar comes with nothing", "What it carried cannot be read: restore its record from a backup." },
	{ "S0420", "instruction budget used up", "One call took more instructions than the shard's `budget`." },
	{ "S0421", "call took too long", "The last resort when the instructions did not tell." },
	{ "S0423", "rule paused", "It failed `quarantine` times; errors in calls about one player count once. A reload lets it run again." },
	{ "S0424", "exchange refused", "An owner can make nothing of what another says, or has no room for it: the world is restored." },
	{ "S0430", "script memory used up", "The rules' memory or the longest string is reached." },
	{ "S0440", "database holds another world", "Its shape, or its shard, is not what the configuration says; the line names both." },
	{ "S0441", "scheduler stands down", "Another scheduler runs the world; this one stands by." },
	{ "S0442", "world's records cannot be read", "The scheduler cannot read what it needs: restore a backup of the database." },
	{ "S0443", "journal is in no checkpoint", "Checkpoints fail, so the world stands before its journal is too long to be run again. "
	  "Mend what the owners' logs say, then resume." },
	{ NULL, NULL, NULL },
};

const struct code *codes_find(const char *code)
{
	for (const struct code *entry = codes; entry->code != NULL; entry++) {
		if (strcmp(entry->code, code) == 0) {
			return entry;
		}
	}
	return NULL;
}

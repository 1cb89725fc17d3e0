#!/bin/sh
# Settings mean what they mean to the Python os-collect-config: the same
# value, or a refusal with the same status, for files, options, environment.
set -u
. tests/helper/collect.sh
peer=/usr/bin/os-collect-config
head -n 1 $peer 2>/dev/null | grep -q python || { echo "no Python os-collect-config"; exit 77; }
HOME=$tmp/home
export HOME
mkdir "$HOME"
n=0

# The peer takes a second to start, so it is started once, and forks.
cat >"$tmp/peer.py" <<'P'
import json, os, sys, traceback
from os_collect_config import version
from os_collect_config.collect import __main__ as main
version.version_info.version_string() # is remembered
for line in sys.stdin:
    ask = json.loads(line)
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(w, 1)
        os.environ.update(ask['env'])
        sys.argv = ['os-collect-config'] + ask['args']
        try:
            status = main(sys.argv)
        except SystemExit as end:
            status = end.code
        except Exception:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        os._exit(status if isinstance(status, int) else status is not None)
    os.close(w)
    with os.fdopen(r) as f:
        said = f.read().strip()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print('%s, status %d' % (said.replace('\n', '|'), status), flush=True)
P
mkfifo "$tmp/ask" "$tmp/answer"
/usr/bin/python3 "$tmp/peer.py" <"$tmp/ask" >"$tmp/answer" 2>"$tmp/err.peer" &
pids="$pids $!"
exec 3>"$tmp/ask" 4<"$tmp/answer"
ask_peer() {
	jq -nc '{args: $ARGS.positional, env: (env | with_entries(
	    select(.key | startswith("OS_"))))}' --args -- "$@" >&3
	read -r want <&4 || fail "the peer ended"
}

both() { # what file-text [options with FILE and OTHER]
	what=$1 text=$2
	shift 2
	[ $# -gt 0 ] || set -- --config-file FILE
	printf '%b' "$text" >"$tmp/conf"
	printf '[DEFAULT]\ncachedir=/other\n' >"$tmp/other"
	for a; do
		shift
		case $a in FILE) a=$tmp/conf ;; OTHER) a=$tmp/other ;; esac
		set -- "$@" "$a"
	done
	ask_peer --print-cachedir "$@"
	got=$(os-collect-config --print-cachedir "$@" 2>"$tmp/err")
	got="$got, status $?"
	same "$what" "$(printf %s "$got" | tr '\n' '|')" "$want"
	n=$((n + 1))
}
d='[DEFAULT]\n'
both "plain" "${d}cachedir = /a\n"
both "colon" "${d}cachedir: /a\n"
both "colon in value" "${d}cachedir = /a:b=c\n"
both "equals in value" "${d}cachedir : /a=b\n"
both "no inline comment" "${d}cachedir = /a # b ; c\n"
both "double quotes" "${d}cachedir = \"/a b\"\n"
both "single quotes" "${d}cachedir = '/a b'\n"
both "one quote" "${d}cachedir = \"/a b\n"
both "quotes within" "${d}cachedir = /a \"b\"\n"
both "continued" "${d}cachedir = /a\n /b\n\t/c\n"
both "continued after a blank line" "${d}cachedir = /a\n\n /b\n"
both "comment between" "${d}cachedir = /a\n# b\n /c\n"
both "comments" "${d}# cachedir = /b\n; cachedir = /c\ncachedir=/a\n"
both "last wins" "${d}cachedir = /a\ncachedir = /b\n"
both "empty" "${d}cachedir =\n"
both "blanks" "${d}  \ncachedir   =   /a  \n"
both "carriage returns" "${d}cachedir = /a\r\n"
both "no line end" "${d}cachedir = /a"
both "two sections" "${d}cachedir = /a\n[cfn]\npath=x.y\n[DEFAULT]\ncachedir=/b\n"
both "small default" "[default]\ncachedir = /a\n"
both "other section" "[x]\ncachedir = /a\n"
both "name with a dash" "${d}backup-cachedir=/b\ncache-dir = /a\n"
both "unknown names" "${d}nonsense = 1\ncachedir = /a\n"
both "no section" "cachedir = /a\n"
both "no separator" "${d}cachedir\n"
both "open section" "[DEFAULT\ncachedir = /a\n"
both "empty section" "[]\ncachedir = /a\n"
both "empty key" "${d}= /a\n"
both "early continuation" "${d} cachedir = /a\n"
both "own name" "${d}command = /x\ncachedir = \$command/a\n"
both "in braces" "${d}command = /x\ncachedir = \${command}y\n"
both "of a group" "${d}cachedir = /\${cfn.stack_name}/\$cfn.stack_name\n[cfn]\nstack_name = s\n"
both "without a value" "${d}cachedir = /a\${cfn.stack_name}b\n"
both "in turn" "${d}command = /\$backup_cachedir\nbackup_cachedir=b\ncachedir = \$command\n"
both "a number" "${d}cachedir = /\$polling_interval\n"
both "a whole number" "${d}polling_interval=5\ncachedir = /\$polling_interval\n"
both "a flag" "${d}force=0\ncachedir = /\$force\n"
both "unknown" "${d}cachedir = /\$nonsense\n"
both "unknown in a group" "${d}cachedir = /\$cfn.nonsense\n"
both "dollars" "${d}cachedir = /\$\$a\$\$\n"
both "escaped" "${d}cachedir = /\\\\\\\\\$a\n"
both "lone dollars" "${d}cachedir = /\$%%a\$1\$\n"
both "not in braces" "${d}cachedir = /\${a b}\n"
both "file, then option" "${d}cachedir = /a\n" --config-file FILE --cachedir /b
both "option, then file" "${d}cachedir = /a\n" --cachedir /b --config-file FILE
both "two files" "${d}cachedir = /a\n" --config-file FILE --config-file OTHER
both "other order" "${d}cachedir = /a\n" --config-file OTHER --config-file FILE
both "missing file" "" --config-file /nonexistent
both "missing folder" "" --config-dir /nonexistent
both "abbreviated" "" --config-file FILE --cache /b
both "with equals" "" --config-file FILE --cachedir=/b
both "unknown option" "" --config-file FILE --nonsense
both "no argument" "" --config-file FILE --cachedir
both "good number" "${d}polling_interval = 1.5\n" --config-file FILE -i 2
both "negated" "" --config-file FILE --noforce
both "negated in a group" "" --config-file FILE --zaqar-nouse-websockets
both "logging" "" --config-file FILE --use-journal --nouse-syslog \
    --log-date-format x --backup-cachedir /x
both "print_only" "${d}print_only = true\ncachedir = /\$print_only\n"
both "names of groups" "" --config-file FILE --cfn-ca_certificate x \
    --keystone-cache_dir y --heat_local-path z --request-timeout 3
OS_DEFAULT__CACHEDIR=/env
export OS_DEFAULT__CACHEDIR
both "environment over file" "${d}cachedir = /a\n"
both "option over environment" "" --config-file FILE --cachedir /b
unset OS_DEFAULT__CACHEDIR
OS_CFN__STACK_NAME=s
export OS_CFN__STACK_NAME
both "environment of a group" "${d}cachedir = /\$cfn.stack_name\n"
unset OS_CFN__STACK_NAME

printf '[DEFAULT]\ncachedir=/home\n' >"$HOME/os-collect-config.conf"
both "at home" "" -i 3
both "not at home" "" --config-file OTHER
mkdir "$HOME/os-collect-config.conf.d" "$tmp/d"
printf '[DEFAULT]\ncachedir=/d2\n' >"$HOME/os-collect-config.conf.d/2.conf"
printf '[DEFAULT]\ncachedir=/d1\n' >"$HOME/os-collect-config.conf.d/1.conf"
printf '[DEFAULT]\ncachedir=/d3\n' >"$HOME/os-collect-config.conf.d/3.txt"
both "folder at home" "" -i 3
printf '[DEFAULT]\ncachedir=/d\n' >"$tmp/d/x.conf"
both "folder named" "" --config-dir "$tmp/d"
echo "$n settings compared"

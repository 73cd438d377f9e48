#!/bin/sh
# Installs Sereno's agent from a signed release, or removes it. Starts nothing by itself; says what it puts where.
#
#   install.sh [--key FILE] [--python PYTHON] [--root DIR] [--databases] [--dry-run]
#   install.sh --uninstall [--root DIR]
#
# A release is a folder: release.txt (version, and the SHA-256 of every file in it), its SSHSIG release.txt.sig, the
# wheels, the units, and this script. Nothing of it is used that release.txt does not name and that does not have that
# digest. The release key is pinned at the first installation; a later one takes no other key and no lower version.
set -eu
umask 022

NAMESPACE=sereno-release-v1
CORE_USER=${SERENO_CORE_USER:-sereno}
EXECUTOR_USER=${SERENO_EXECUTOR_USER:-sereno-executor}
GROUP=${SERENO_GROUP:-sereno}
UNITS='sereno-agent.service sereno-executor.socket sereno-executor@.service'

root='' key='' python=python3 dry='' uninstall='' extra=''
while [ $# -gt 0 ]; do
  case $1 in
    --root) root=${2%/}; shift 2 ;;
    --key) key=$2; shift 2 ;;
    --python) python=$2; shift 2 ;;
    --dry-run) dry=yes; shift ;;
    --databases) extra='[databases]'; shift ;;
    --uninstall) uninstall=yes; shift ;;
    *) echo "install.sh: $1: not understood; see the head of this file" >&2; exit 2 ;;
  esac
done

release=$(cd "$(dirname "$0")" && pwd)
program=$root/opt/sereno-agent settings=$root/etc/sereno-agent state=$root/var/lib/sereno-agent
units=$root/etc/systemd/system command=$root/usr/local/bin/sereno-agent

fail() { echo "install.sh: $1" >&2; [ -z "${2-}" ] || echo "  -> $2" >&2; exit 1; }
say() { printf '  %-44s %s\n' "$1" "$2"; }
systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }
[ "$(id -u)" = 0 ] || fail 'this makes users and system folders, and needs root' "sudo sh $0"

remove() {
  if systemd; then
    systemctl disable --now sereno-agent.service sereno-executor.socket 2>/dev/null || true
    systemctl stop 'sereno-executor@*.service' 2>/dev/null || true
  fi
  if [ -s "$state/ledger.jsonl" ]; then
    echo "This machine's ledger had $(wc -l < "$state/ledger.jsonl") rows; its last:"
    tail -n 1 "$state/ledger.jsonl"
  fi
  for unit in $UNITS; do rm -f "$units/$unit"; done
  rm -rf "$units/sereno-executor@.service.d" "$units/sereno-agent.service.d" "$program" "$settings" "$state"
  if [ -L "$command" ]; then rm -f "$command"; fi
  if [ -z "$root" ]; then
    for user in "$EXECUTOR_USER" "$CORE_USER"; do if id "$user" >/dev/null 2>&1; then userdel "$user"; fi; done
    if getent group "$GROUP" >/dev/null; then groupdel "$GROUP"; fi
  fi
  if systemd; then systemctl daemon-reload; fi
  echo 'Sereno is gone: program, settings, state, units, users. The server still lists the device until it is removed there.'
}
if [ -n "$uninstall" ]; then remove; exit 0; fi

# --- the release ------------------------------------------------------------------------------------------------------
for tool in ssh-keygen sha256sum install "$python"; do
  command -v "$tool" >/dev/null || fail "$tool is not there" 'install OpenSSH, coreutils and Python 3.11 or newer first'
done
"$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
  fail "$python is older than 3.11, or has no venv" 'on Debian: apt install python3-venv; or give another with --python'

pinned=$settings/release.pub
if [ -f "$pinned" ]; then
  if [ -n "$key" ] && ! cmp -s "$key" "$pinned"; then
    fail "the key given is not the one pinned in $pinned" 'a release key never changes silently; ask who made the release'
  fi
  key=$pinned
fi
[ -n "$key" ] || fail 'no release key is pinned yet' 'give the one you got by another way than this release: --key FILE'

# What is verified is a private copy, and only the copy is used: nobody can swap a file in between.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 700 "$work"
for file in release.txt release.txt.sig; do
  [ -f "$release/$file" ] || fail "$release/$file is not there" 'run this script within the release'
  cp "$release/$file" "$work/$file"
done
printf 'release namespaces="%s" %s\n' "$NAMESPACE" "$(head -n 1 "$key")" > "$work/signers"
ssh-keygen -Y verify -f "$work/signers" -I release -n "$NAMESPACE" -s "$work/release.txt.sig" \
  < "$work/release.txt" >/dev/null 2>&1 || fail 'the release is not signed by the release key' 'do not install it'
[ "$(head -n 1 "$work/release.txt")" = 'sereno release v1' ] || fail 'release.txt is of an unknown kind'
version=$(sed -n 's/^version: //p' "$work/release.txt")
case $version in ''|*[!0-9.]*) fail 'release.txt names no version' ;; esac
mkdir "$work/files"
sed -n 's/^file\.//p' "$work/release.txt" > "$work/list"
while IFS= read -r line; do
  file=${line%%: *} digest=${line##*: sha256:}
  case $file in */*|.*|'') fail "release.txt names $file" ;; esac
  [ -f "$release/$file" ] || fail "$file is missing from the release"
  cp "$release/$file" "$work/files/$file"
  echo "$digest  $work/files/$file" | sha256sum --check --status - || fail "$file is not what was signed" 'do not install it'
done < "$work/list"
for file in $UNITS README.md install.sh "sereno-$version-py3-none-any.whl"; do
  [ -f "$work/files/$file" ] || fail "$file is not part of what was signed"
done
if [ -f "$program/version" ]; then
  installed=$(cat "$program/version")
  highest=$(printf '%s\n%s\n' "$installed" "$version" | sort -V | tail -n 1)
  [ "$highest" = "$version" ] || fail "version $installed is installed, this release is $version" 'versions only rise'
fi

echo "Sereno agent $version, signed by $(ssh-keygen -lf "$key" | cut -d' ' -f2)"
say "$program" "the program ($version, a Python environment of its own), install.sh (root)"
say "$command" 'the command'
say "$settings" 'agent.toml, policy.toml, the pinned release key (root)'
say "$state" 'identity, pins, plans, ledger (the executor writes)'
say "$state/core" 'spool and status (the core writes)'
say "$units" 'sereno-agent.service, sereno-executor.socket and @.service'
say "users $CORE_USER and $EXECUTOR_USER" "group $GROUP"
if [ -n "$dry" ]; then echo 'Nothing was done.'; exit 0; fi

# --- users, program, settings, state, units ---------------------------------------------------------------------------
if [ -z "$root" ]; then
  getent group "$GROUP" >/dev/null || groupadd --system "$GROUP"
  for user in "$CORE_USER" "$EXECUTOR_USER"; do
    id "$user" >/dev/null 2>&1 ||
      useradd --system --gid "$GROUP" --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$user"
  done
fi

install -d -m 0755 "$program" "$settings" "$units" "$root/usr/local/bin"
rm -rf "${program:?}/$version"
"$python" -m venv "$program/$version"
"$program/$version/bin/python" -m pip install --quiet --disable-pip-version-check --no-index \
  --find-links "$work/files" "sereno$extra==$version"
install -m 0644 "$work/files/README.md" "$program/README.md"
install -m 0755 "$work/files/install.sh" "$program/install.sh"
ln -sfn "$version" "$program/current"
ln -sfn "$program/current/bin/sereno-agent" "$command"
echo "$version" > "$program/version"
for old in "$program"/[0-9]*; do [ "$old" = "$program/$version" ] || rm -rf "$old"; done

[ -f "$pinned" ] || install -m 0644 "$key" "$pinned"
[ -f "$settings/agent.toml" ] || echo "policy = \"$settings/policy.toml\"" > "$settings/agent.toml"
[ -f "$settings/policy.toml" ] || echo '# What you allow on this machine: see `sereno-agent policy`. Empty: nothing but measuring.' > "$settings/policy.toml"

install -d -m 0750 -o 0 -g "$GROUP" "$state"
install -d -m 0700 -o "$EXECUTOR_USER" -g "$GROUP" "$state/identity" "$state/plans"
install -d -m 0750 -o "$EXECUTOR_USER" -g "$GROUP" "$state/tls" "$state/pins" "$state/runs"
install -d -m 0750 -o "$CORE_USER" -g "$GROUP" "$state/core"
install -d -m 0700 -o "$CORE_USER" -g "$GROUP" "$state/core/spool"
install -d -m 0770 -o "$CORE_USER" -g "$GROUP" "$state/core/versions"
[ -f "$state/ledger.jsonl" ] || install -m 0640 -o "$EXECUTOR_USER" -g "$GROUP" /dev/null "$state/ledger.jsonl"
ln -sfn "$settings/agent.toml" "$state/agent.toml"

for unit in $UNITS; do install -m 0644 "$work/files/$unit" "$units/$unit"; done
if systemd; then systemctl daemon-reload; fi

cat <<NEXT
Installed. Nothing runs yet:
  sereno-agent join CODE                              compare the digest it prints
  sereno-agent policy set KEY VALUE                   what you allow; see README.md
  sereno-agent policy privileges --write              what the executor may write follows from it
  systemctl daemon-reload
  systemctl enable --now sereno-executor.socket sereno-agent.service
  sereno-agent doctor                                 looks at all of it
To remove everything: sh $program/install.sh --uninstall
NEXT

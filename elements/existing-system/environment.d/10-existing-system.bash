# What the system says it is, unless the caller says otherwise.  On the host
# that is foreign text: it is read by pattern, not sourced, and not by a link.
_existing_system() { # KEY
    local root=${TARGET_ROOT:-} file line
    [ -d "$root" ] || root=
    for file in "$root/usr/lib/os-release" "$root/etc/os-release"; do
        if [ ! -f "$file" ] || [ -L "$file" ]; then
            continue
        fi
        while IFS= read -r line; do
            if [[ $line =~ ^$1=[\"\']?([A-Za-z0-9._-]+)[\"\']?$ ]]; then
                echo "${BASH_REMATCH[1]}"
                return
            fi
        done <"$file"
        return
    done
}

if [ -z "${DISTRO_NAME:-}" ]; then
    DISTRO_NAME=$(_existing_system ID)
    [ -z "$DISTRO_NAME" ] || export DISTRO_NAME
fi
if [ -z "${DIB_RELEASE:-}" ]; then
    DIB_RELEASE=$(_existing_system VERSION_CODENAME)
    DIB_RELEASE=${DIB_RELEASE:-$(_existing_system VERSION_ID)}
    [ -z "$DIB_RELEASE" ] || export DIB_RELEASE
fi
export DIB_INIT_SYSTEM=${DIB_INIT_SYSTEM:-systemd}

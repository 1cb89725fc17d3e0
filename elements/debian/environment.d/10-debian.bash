export DISTRO_NAME=debian
export DIB_INIT_SYSTEM=systemd
if [ -z "${DIB_RELEASE:-}" ]; then
    # The host's own release, or this one if the host is no Debian.
    DIB_RELEASE=$(. /etc/os-release && [ "$ID" = debian ] &&
        echo "${VERSION_CODENAME:-}") || DIB_RELEASE=
    DIB_RELEASE=${DIB_RELEASE:-bookworm}
fi
export DIB_RELEASE
export DIB_DEBIAN_COMPONENTS=${DIB_DEBIAN_COMPONENTS:-main}

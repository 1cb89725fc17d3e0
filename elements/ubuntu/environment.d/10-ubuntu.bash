export DISTRO_NAME=ubuntu
export DIB_INIT_SYSTEM=systemd
if [ -z "${DIB_RELEASE:-}" ]; then
    # The host's own release, or this one if the host is no Ubuntu.
    DIB_RELEASE=$(. /etc/os-release && [ "$ID" = ubuntu ] &&
        echo "${VERSION_CODENAME:-}") || DIB_RELEASE=
    DIB_RELEASE=${DIB_RELEASE:-noble}
fi
export DIB_RELEASE
export DIB_DEBIAN_COMPONENTS=${DIB_DEBIAN_COMPONENTS:-main,universe}
export DIB_UBUNTU_MIRROR_DISTS=${DIB_UBUNTU_MIRROR_DISTS-updates,security,backports}

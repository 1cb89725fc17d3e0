export DISTRO_NAME=tiny
export DIB_RELEASE=1

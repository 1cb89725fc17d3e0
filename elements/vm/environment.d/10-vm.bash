case $ARCH in
arm64) serial=ttyAMA0 ;;
*) serial=ttyS0,115200n8 ;;
esac
export DIB_BOOTLOADER_DEFAULT_CMDLINE=${DIB_BOOTLOADER_DEFAULT_CMDLINE-"console=tty0 console=$serial"}
# The initramfs is made once, by finalise.d/40-initramfs.
export INITRD=No

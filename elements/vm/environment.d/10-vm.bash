export DIB_BOOTLOADER_DEFAULT_CMDLINE=${DIB_BOOTLOADER_DEFAULT_CMDLINE-"console=tty0 console=ttyS0,115200n8"}
# The initramfs is made once, by finalise.d/40-initramfs.
export INITRD=No
